from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
import requests
from portal_client import KEY, PortalClient, member

from sandbox.destinations.errors import SandboxError

UPSERT = "/batch/upsert$"


def fault(effect: str, **more: Any) -> dict[str, Any]:
    return {"effect": effect, "method": "POST", "path": UPSERT, "nth": 1} | more


def log(portal: PortalClient) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = portal.sandbox.show("requests")["log"]
    return [entry for entry in entries if entry["path"].endswith("/batch/upsert")]


def count(portal: PortalClient) -> int:
    return int(portal.sandbox.show("contacts?count_only=1")["count"])


@pytest.mark.parametrize(("effect", "held"), [("drop_before_apply", 0), ("drop_after_apply", 1)])
def test_a_connection_is_reset(portal: PortalClient, effect: str, held: int) -> None:
    portal.sandbox.set_faults(fault(effect))
    with pytest.raises(requests.ConnectionError):
        portal.upsert([member("a")])
    assert count(portal) == held
    assert [(entry["status"], entry["applied"]) for entry in log(portal)] == [(0, bool(held))]
    [row] = portal.upsert([member("a")]).json()["results"]
    assert row["new"] is (held == 0)


@pytest.mark.parametrize(
    ("effect", "status"), [("http_429", 429), ("http_500", 500), ("http_503", 503)]
)
def test_an_error_comes_back_and_nothing_is_applied(
    portal: PortalClient, effect: str, status: int
) -> None:
    portal.sandbox.set_faults(fault(effect))
    answer = portal.upsert([member("a")])
    assert answer.status_code == status
    assert answer.json()["status"] == "error"
    assert "Retry-After" not in answer.headers
    assert count(portal) == 0
    assert portal.upsert([member("a")]).status_code == 200


@pytest.mark.parametrize("value", [3, "Sun, 22 Nov 2026 15:00:00 GMT", 10**9])
def test_retry_after_is_as_told(portal: PortalClient, value: str | int) -> None:
    portal.sandbox.set_faults(fault("http_429", retry_after=value, policy="SECONDLY"))
    answer = portal.upsert([member("a")])
    assert answer.headers["Retry-After"] == str(value)
    assert answer.json()["policyName"] == "SECONDLY"


@pytest.mark.parametrize("status", [423, 477, 502, 504, 524])
def test_any_status(portal: PortalClient, status: int) -> None:
    portal.sandbox.set_faults(fault("http_status", status=status))
    assert portal.upsert([member("a")]).status_code == status


def test_200_with_errors_is_no_success(portal: PortalClient) -> None:
    portal.sandbox.set_faults(fault("body_200_with_errors"))
    answer = portal.upsert([member("a")])
    assert answer.status_code == 200
    document = answer.json()
    assert (document["status"], document["results"]) == ("COMPLETE", [])
    assert document["errors"]
    assert count(portal) == 0


@pytest.mark.parametrize("applied", [False, True])
def test_200_with_html(portal: PortalClient, applied: bool) -> None:
    portal.sandbox.set_faults(fault("html_200", applied=applied))
    answer = portal.upsert([member("a")])
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert count(portal) == int(applied)


def test_200_with_nothing(portal: PortalClient) -> None:
    portal.sandbox.set_faults(fault("empty_200"))
    answer = portal.upsert([member("a")])
    assert (answer.status_code, answer.content, count(portal)) == (200, b"", 0)


def test_json_that_stops(portal: PortalClient) -> None:
    portal.sandbox.set_faults(fault("truncated_json"))
    answer = portal.upsert([member("a")])
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"."):
        json.loads(answer.content)
    assert count(portal) == 1


def test_a_gzip_bomb(portal: PortalClient) -> None:
    portal.sandbox.set_faults(fault("gzip_bomb", megabytes=8))
    answer = portal.upsert([member("a")], stream=True)
    with answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert int(answer.headers["Content-Length"]) < 64 * 1024


def test_results_are_shuffled(portal: PortalClient) -> None:
    keys = [f"k{number}" for number in range(30)]
    portal.sandbox.set_quirks(result_order="input")
    portal.sandbox.set_faults(fault("shuffled_results", seed=3))
    rows = portal.upsert([member(key) for key in keys]).json()["results"]
    order = [row["properties"][KEY] for row in rows]
    assert order != keys
    assert sorted(order) == sorted(keys)


def test_chosen_inputs_are_rejected(portal: PortalClient) -> None:
    portal.sandbox.set_faults(fault("partial_reject", ids=["b"], nth=None))
    batch = [member(key, trace=key) for key in "abc"]
    document = portal.upsert(batch).json()
    assert [error["context"]["objectWriteTraceId"] for error in document["errors"]] == [["b"]]
    assert count(portal) == 2
    assert portal.upsert([member("b")]).status_code == 400


def test_every_nth_input_is_rejected(portal: PortalClient) -> None:
    portal.sandbox.set_faults(fault("partial_reject", every=10))
    batch = [member(f"k{number}", trace=str(number)) for number in range(100)]
    document = portal.upsert(batch).json()
    assert (len(document["results"]), document["numErrors"]) == (90, 10)


def test_chosen_inputs_are_dropped_without_a_word(portal: PortalClient) -> None:
    portal.sandbox.set_faults(fault("silently_drop_rows", first=2))
    document = portal.upsert([member(key, trace=key) for key in "abc"]).json()
    assert (len(document["results"]), "errors" in document) == (3, False)
    assert count(portal) == 1


def test_members_are_rejected_and_dropped(portal: PortalClient) -> None:
    ids = list(portal.upsert_ids(*"abcd").values())
    list_id = portal.make_list()
    portal.sandbox.set_faults(
        {"effect": "partial_reject", "path": "/memberships/", "ids": [ids[0]]},
        {"effect": "silently_drop_rows", "path": "/memberships/", "ids": [ids[1]]},
    )
    document = portal.membership(list_id, "add", ids).json()
    assert document["recordIdsMissing"] == [ids[0]]
    assert set(document["recordsIdsAdded"]) == set(ids[1:])
    assert portal.list_size(list_id) == 2


def test_statuses_are_rejected_and_dropped(portal: PortalClient) -> None:
    portal.sandbox.set_faults(
        {"effect": "partial_reject", "path": "/statuses/", "ids": ["a@x.example"]},
        {"effect": "silently_drop_rows", "path": "/statuses/", "ids": ["b@x.example"]},
    )
    inputs = [
        {
            "subscriberIdString": f"{name}@x.example",
            "subscriptionId": 1001,
            "channel": "EMAIL",
            "statusState": "UNSUBSCRIBED",
        }
        for name in "abc"
    ]
    document = portal.statuses("batch/write", {"inputs": inputs}).json()
    assert [row["subscriberIdString"][0] for row in document["results"]] == ["b", "c"]
    assert all(row["status"] == "UNSUBSCRIBED" for row in document["results"])
    [kept] = portal.sandbox.show("subscriptions")["statuses"]
    assert kept["email"] == "c@x.example"


def test_a_token_expires_in_the_middle(portal: PortalClient) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
    }
    url = portal.sandbox.base_url + portal.path("oauth") + "/token"
    issued = portal.session.post(url, data=form, timeout=10).json()["access_token"]
    portal.session.headers["Authorization"] = f"Bearer {issued}"
    portal.sandbox.set_faults(fault("token_expired", nth=2))
    statuses = [portal.upsert([member("a")]).status_code for _ in range(3)]
    assert statuses == [200, 401, 401]


def test_a_static_token_comes_back(portal: PortalClient) -> None:
    portal.sandbox.set_faults(fault("token_expired", nth=1))
    refused = portal.upsert([member("a")])
    assert refused.json()["category"] == "EXPIRED_AUTHENTICATION"
    assert portal.upsert([member("a")]).status_code == 200


def test_a_redirect(portal: PortalClient) -> None:
    portal.sandbox.set_faults(fault("redirect", location="http://127.0.0.1:9/else"))
    answer = portal.upsert([member("a")])
    assert (answer.status_code, answer.headers["Location"]) == (307, "http://127.0.0.1:9/else")
    assert count(portal) == 0


def test_a_late_answer(portal: PortalClient) -> None:
    portal.sandbox.set_faults(fault("delay", seconds=0.2))
    assert portal.upsert([member("a")]).elapsed.total_seconds() >= 0.2
    portal.sandbox.set_faults(fault("delay", seconds=5))
    url = portal.sandbox.base_url + portal.path("contacts") + "/batch/upsert"
    with pytest.raises(requests.ReadTimeout):
        portal.session.post(url, json={"inputs": [member("b")]}, timeout=0.1)


@pytest.mark.parametrize(
    ("when", "struck"),
    [
        ({"nth": 3}, [3]),
        ({"nth": [1, 4]}, [1, 4]),
        ({"nth": None, "after": 4}, [5, 6]),
        ({"nth": None, "times": 2}, [1, 2]),
        ({"nth": None, "after": 1, "times": 1}, [2]),
    ],
)
def test_when_a_rule_strikes(portal: PortalClient, when: dict[str, Any], struck: list[int]) -> None:
    portal.sandbox.set_faults(fault("http_500", **when))
    statuses = [portal.upsert([member("a")]).status_code for _ in range(6)]
    assert [number for number, status in enumerate(statuses, 1) if status == 500] == struck


def test_chance_is_repeatable(portal: PortalClient) -> None:
    def statuses() -> list[int]:
        portal.sandbox.clear_faults()
        portal.sandbox.set_faults(fault("http_500", nth=None, probability=0.5, seed=11))
        return [portal.upsert([member("a")]).status_code for _ in range(20)]

    first = statuses()
    assert set(first) == {200, 500}
    assert statuses() == first


def test_rules_are_counted_and_cleared(portal: PortalClient) -> None:
    portal.sandbox.set_faults(fault("http_500", nth=2))
    for _ in range(3):
        portal.upsert([member("a")])
    [shown] = portal.sandbox.show("faults")["faults"]
    assert (shown["matched"], shown["fired"]) == (3, 1)
    portal.sandbox.clear_faults()
    assert portal.sandbox.show("faults")["faults"] == []


@pytest.mark.parametrize(
    "rule", [{"effect": "explode"}, {"effect": "delay", "path": "("}, {"effect": "delay", "x": 1}]
)
def test_rules_that_make_no_sense(portal: PortalClient, rule: dict[str, Any]) -> None:
    with pytest.raises(SandboxError, match="Unusable fault rule"):
        portal.sandbox.set_faults(rule)


def test_quirks_that_make_no_sense(portal: PortalClient) -> None:
    with pytest.raises(SandboxError, match="Known quirks"):
        portal.sandbox.set_quirks(result_order="sideways")


def test_requests_are_logged_in_order(portal: PortalClient) -> None:
    portal.sandbox.reset()
    portal.make_property(KEY, unique=True)
    list_id = portal.make_list()
    portal.upsert([member("a")])
    portal.upsert([member("a", unknown="x")])
    portal.call("GET", f"{portal.path('lists')}/{list_id}/memberships?limit=5")
    shown = portal.sandbox.show("requests")
    assert [entry["seq"] for entry in shown["log"]] == [1, 2, 3, 4, 5]
    upserts = log(portal)
    body = json.dumps({"inputs": [member("a")]}).encode()
    assert upserts[0]["body_sha256"] == hashlib.sha256(body).hexdigest()
    assert [(entry["status"], entry["applied"]) for entry in upserts] == [(200, True), (400, False)]
    assert shown["log"][4]["query"] == "limit=5"
    assert shown["counts"]["GET /crm/lists/2026-09/{list}/memberships"] == 1
    assert portal.sandbox.show("requests?after=4")["log"] == shown["log"][4:]
