"""What logs in somewhere is found in addresses, and nothing that any text may say."""

from __future__ import annotations

import pytest

from chaoskit import credentials
from chaoskit.settings import Settings, secrets_of


@pytest.mark.parametrize(
    ("address", "secrets"),
    [
        ("http://h:9090/prometheus", set()),
        ("http://h:9090/x/a@b", set()),
        ("http://me:hunter22@h:9", {"hunter22", "me:hunter22"}),
        ("me:hunter22@h:9", {"hunter22", "me:hunter22"}),
        ("mongodb://u:pa/ss:wd@h/db", {"pa/ss:wd", "u:pa/ss:wd"}),
        ("mongodb://Admin1:p%40ssword@h,i/db", {"Admin1", "p%40ssword", "p@ssword", "Admin1:p@ssword",
                                                "Admin1:p%40ssword"}),
        ("mongodb://h/?tlsCertificateKeyFilePassword=hunter22&authSource=somewhere", {"hunter22"}),
        ("mongodb://h/?authMechanismProperties=AWS_SESSION_TOKEN:hunter22,B:c", {"hunter22"}),
        ("https://glpat-x7@h", {"glpat-x7"}),
        ("http://[::1", set()),
        ("", set()),
    ],
)  # fmt: skip
def test_an_address_logs_in_with(address: str, secrets: set[str]) -> None:
    assert credentials.of_address(address) == secrets


def test_a_user_beside_a_password_may_be_called_as_a_workload() -> None:
    assert credentials.of_address("mongodb://payments:hunter22@h") == {"hunter22", "payments:hunter22"}


@pytest.mark.parametrize(
    ("url", "keys"),
    [
        ("https://hooks.example/services/T0AAAAA/B0BBBBB/xYzxYz", {"T0AAAAA", "B0BBBBB", "xYzxYz"}),
        ("http://h/alerts", set()),
        ("https://h/hooks/9jrmsdcjxabcdefgh1234", {"9jrmsdcjxabcdefgh1234"}),
        ("https://h/hook?key=aB3dE6", {"aB3dE6"}),
        ("https://h/chaoskit/prod-eu-west-1-main/k8s.shop.example.internal", set()),
        ("https://h/gke_acme_europe-west1_shop/alert_hook", set()),
        ("https://h/6fa459ea-ee8a-3ca4-894e-db77e160355e", {"6fa459ea-ee8a-3ca4-894e-db77e160355e"}),
        ("https://h/abcdefghijklmnop/1234567890123456", {"abcdefghijklmnop", "1234567890123456"}),
    ],
)
def test_a_webhook_is_secret_whole_and_in_what_of_it_is_no_word(url: str, keys: set[str]) -> None:
    assert credentials.of_webhook(url) == {url, *keys}


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("me:hunter22@h:9", "(hidden)@h:9"),
        ("https://me:hunter22@h:9/x", "https://(hidden)@h:9/x"),
        ("https://me:p@ss@h", "https://(hidden)@h"),
        ("localhost:9090", "localhost:9090"),
    ],
)
def test_an_address_is_told_without_its_login(address: str, told: str) -> None:
    assert credentials.without_login(address) == told


def test_the_secrets_of_settings_are_no_words_of_chaoskits() -> None:
    settings = Settings(
        prometheus="http://chaoskit:prometheus@h", prometheus_token="hunter22", store="mE:hunter23@h.db",
        alerts_from="http://me:hunter24@h",
    )  # fmt: skip
    assert secrets_of(settings) == {
        "chaoskit:prometheus", "hunter22", "hunter23", "mE:hunter23", "hunter24", "me:hunter24",
    }  # fmt: skip
