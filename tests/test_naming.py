"""Documents call things by names; what only stands where a name belongs, and holds a secret, is none."""

from __future__ import annotations

from chaoskit.documents.naming import names_in


def test_an_address_with_a_password_is_no_name_of_a_service() -> None:
    settings = {
        "kind": "ConfigMap",
        "metadata": {"name": "shop"},
        "data": {"SERVICE": "db://u:Hunter22@db/x"},
    }
    assert set(names_in(settings)) == {"shop"}
    assert "db" in set(names_in({"data": {"SERVICE": "db"}}))
