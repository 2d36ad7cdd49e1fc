"""One notice is one POST; what was not taken is no news to anybody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.servers import free_port
from tests.wire import Answer, Scripted, scripted

from chaoskit.adapters.http import RequestsHttp
from chaoskit.adapters.notify import Alertmanager, PagerDuty, Several, Webhook
from chaoskit.errors import Unavailable
from chaoskit.ports.notifier import Notice, Notifier

HTTP = RequestsHttp()
SECRET = "/services/T0/B0/s3cret"
NOTICE = Notice(
    "pod-crash of deployment/cart in shop", "3 restarts\ntried roll-back", "critical", {"issue": "i1"}
)


@pytest.fixture
def wire() -> Iterator[Scripted]:
    with scripted(lambda _: Answer(200, b"ok")) as server:
        yield server


def _failed(url: str) -> Unavailable:
    with pytest.raises(Unavailable) as caught:
        Webhook(url, HTTP).send(NOTICE)
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in caught.value.address
    return caught.value


def test_a_notice_is_posted_whole_and_its_text_says_everything_to_a_chat(wire: Scripted) -> None:
    notifier: Notifier = Webhook(wire.url + SECRET, HTTP)
    notifier.send(NOTICE)
    (asked,) = wire.asked
    assert (asked.method, asked.path) == ("POST", SECRET)
    assert asked.headers["Content-Type"] == "application/json"
    assert json.loads(asked.body) == {
        "title": "pod-crash of deployment/cart in shop",
        "text": "pod-crash of deployment/cart in shop\n3 restarts\ntried roll-back",
        "severity": "critical",
        "labels": {"issue": "i1"},
    }


def test_a_notice_without_text_is_its_title(wire: Scripted) -> None:
    Webhook(wire.url, HTTP).send(Notice("done", ""))
    assert json.loads(wire.asked[0].body)["text"] == "done"


@pytest.mark.parametrize("status", [301, 400, 403, 404, 429, 500])
def test_what_was_not_accepted_was_not_told_and_is_not_sent_twice(wire: Scripted, status: int) -> None:
    wire.will(Answer(status, headers={"Location": "/elsewhere"}))
    assert str(status) in _failed(wire.url + SECRET).message
    assert len(wire.asked) == 1


def test_a_cut_connection_told_nobody(wire: Scripted) -> None:
    wire.will(Answer(cut=True))
    assert _failed(wire.url + SECRET).service == "webhook"


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}", "nonsense", "http://["])
def test_no_receiver_is_unavailable(url: str) -> None:
    assert _failed(url.format(port=free_port()) + SECRET).hint == "look at the setting webhook"


KEYED = replace(NOTICE, key="chaoskit/prod/shop/deployment/cart/pod-crash")


def test_an_incident_is_opened_and_closed_by_its_key(wire: Scripted) -> None:
    pager = PagerDuty("routing", f"{wire.url}/v2/enqueue", HTTP)
    pager.send(KEYED)
    pager.send(replace(KEYED, resolved=True))
    opened, closed = (json.loads(each.body) for each in wire.asked)
    assert (opened["event_action"], closed["event_action"]) == ("trigger", "resolve")
    assert opened["dedup_key"] == closed["dedup_key"] == KEYED.key
    assert (opened["routing_key"], opened["payload"]["severity"]) == ("routing", "critical")
    assert opened["payload"]["custom_details"]["issue"] == "i1"


def test_an_alert_is_raised_and_ended_with_whichever_severity_it_had(wire: Scripted) -> None:
    raised = replace(NOTICE, labels={"target": "deployment/cart", "recovery": "r1"})
    manager = Alertmanager(f"{wire.url}/", HTTP)
    manager.send(raised)
    manager.send(replace(raised, severity="info", resolved=True))
    (fired,), ended = (json.loads(each.body) for each in wire.asked)
    assert {each.path for each in wire.asked} == {"/api/v2/alerts"}
    assert fired["labels"] == {
        "alertname": "ChaoskitNeedsYou",
        "target": "deployment/cart",
        "severity": "critical",
    }
    assert fired["annotations"]["recovery"] == "r1"
    assert "endsAt" not in fired
    assert fired["labels"] in [each["labels"] for each in ended]
    assert all("endsAt" in each for each in ended)


def test_of_several_one_that_takes_it_is_enough_and_none_is_told_with_every_reason(wire: Scripted) -> None:
    dead = Webhook(f"http://127.0.0.1:{free_port()}", HTTP)
    Several([dead, Webhook(wire.url, HTTP)]).send(NOTICE)
    assert len(wire.asked) == 1
    with pytest.raises(Unavailable, match=r"gave no answer.*; .*gave no answer"):
        Several([dead, dead]).send(NOTICE)
