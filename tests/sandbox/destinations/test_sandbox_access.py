"""Tokens, scopes and limits."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from portal_client import PortalClient, member

from sandbox.destinations.process import running_sandbox

GRANT = {
    "grant_type": "refresh_token",
    "client_id": "sandbox-client",
    "client_secret": "sandbox-secret",
    "refresh_token": "sandbox-refresh-token",
}


def read(portal: PortalClient) -> requests.Response:
    return portal.call("GET", portal.path("properties"))


def token(portal: PortalClient, **changes: str) -> requests.Response:
    return portal.session.post(
        portal.sandbox.base_url + portal.path("oauth") + "/token",
        data=GRANT | changes,
        timeout=10,
    )


def search(portal: PortalClient) -> requests.Response:
    document = {"filterGroups": [], "limit": 1, "after": "", "sorts": [], "properties": []}
    return portal.contacts("/search", document)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer nonsense", "Basic pat-na1-sandbox"])
def test_a_call_needs_a_token(portal: PortalClient, header: str) -> None:
    portal.session.headers["Authorization"] = header
    refused = read(portal)
    assert refused.status_code == 401
    assert refused.json()["category"] == "INVALID_AUTHENTICATION"


def test_an_oauth_token_works_until_it_expires(either_portal: PortalClient) -> None:
    issued = token(either_portal)
    assert issued.status_code == 200
    document = issued.json()
    assert document["expires_in"] == 1800
    assert document["token_type"] == "bearer"
    assert {"refresh_token", "hub_id", "scopes"} <= document.keys()
    either_portal.session.headers["Authorization"] = f"Bearer {document['access_token']}"
    assert read(either_portal).status_code == 200
    either_portal.sandbox.advance(1801)
    refused = read(either_portal)
    assert refused.status_code == 401
    assert refused.json()["category"] == "EXPIRED_AUTHENTICATION"
    fresh = token(either_portal).json()["access_token"]
    either_portal.session.headers["Authorization"] = f"Bearer {fresh}"
    assert read(either_portal).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"client_secret": "wrong"},
        {"refresh_token": "wrong"},
        {"grant_type": "password"},
        {"grant_type": "authorization_code", "code": "wrong", "redirect_uri": "https://x"},
        {"grant_type": "authorization_code", "code": "sandbox-code"},
    ],
)
def test_grants_that_are_refused(portal: PortalClient, changes: dict[str, str]) -> None:
    assert token(portal, **changes).status_code == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"grant_type": "client_credentials"},
        {"grant_type": "authorization_code", "code": "sandbox-code", "redirect_uri": "https://x"},
    ],
)
def test_other_grants(portal: PortalClient, changes: dict[str, str]) -> None:
    assert token(portal, **changes).status_code == 200


def test_the_token_endpoint_takes_a_form(portal: PortalClient) -> None:
    refused = portal.call("POST", portal.path("oauth") + "/token", GRANT)
    assert refused.status_code == 415


def test_a_token_opens_only_its_scopes() -> None:
    options = ["--scope", "crm.objects.contacts.read", "--scope", "crm.lists.read"]
    with running_sandbox(options=options) as sandbox, requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {sandbox.token}"
        portal = PortalClient(sandbox, session)
        assert read(portal).status_code == 200
        refused = portal.upsert([member("a")])
        assert refused.status_code == 403
        document = refused.json()
        assert document["category"] == "MISSING_SCOPES"
        assert document["errors"][0]["context"]["requiredGranularScopes"] == [
            "crm.objects.contacts.write"
        ]
        made = portal.call("POST", portal.path("lists"), {"name": "x"})
        assert made.status_code == 403


def test_190_calls_in_ten_seconds(portal: PortalClient) -> None:
    portal.sandbox.set_limits(enforced=True)
    statuses = [read(portal).status_code for _ in range(191)]
    assert statuses == [200] * 190 + [429]
    portal.sandbox.advance(10)
    assert read(portal).status_code == 200


def test_a_refusal_by_rate_says_which_limit_and_not_when(portal: PortalClient) -> None:
    portal.sandbox.set_limits(burst=1)
    read(portal)
    refused = read(portal)
    assert refused.status_code == 429
    assert "Retry-After" not in refused.headers
    document = refused.json()
    assert document["errorType"] == "RATE_LIMIT"
    assert document["policyName"] == "TEN_SECONDLY_ROLLING"
    assert document["message"] == "You have reached your ten_secondly_rolling limit."


def test_the_window_slides(portal: PortalClient) -> None:
    portal.sandbox.set_limits(burst=2)
    assert read(portal).status_code == 200
    portal.sandbox.advance(6)
    assert read(portal).status_code == 200
    portal.sandbox.advance(5)
    assert [read(portal).status_code for _ in range(2)] == [200, 429]


def test_headers_tell_what_is_left(portal: PortalClient) -> None:
    portal.sandbox.set_limits(burst=190)
    read(portal)
    headers = read(portal).headers
    assert headers["X-HubSpot-RateLimit-Max"] == "190"
    assert headers["X-HubSpot-RateLimit-Remaining"] == "188"
    assert headers["X-HubSpot-RateLimit-Interval-Milliseconds"] == "10000"
    assert headers["X-HubSpot-RateLimit-Daily"] == "625000"
    assert headers["X-HubSpot-RateLimit-Daily-Remaining"] == "624998"


def test_oauth_has_a_limit_of_its_own_and_no_daily_headers(portal: PortalClient) -> None:
    portal.session.headers["Authorization"] = f"Bearer {token(portal).json()['access_token']}"
    portal.sandbox.set_limits(oauth_burst=110)
    headers = read(portal).headers
    assert headers["X-HubSpot-RateLimit-Max"] == "110"
    assert "X-HubSpot-RateLimit-Daily" not in headers


def test_search_has_five_calls_a_second_and_no_headers(portal: PortalClient) -> None:
    answers = [search(portal) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert answers[5].json()["policyName"] == "SECONDLY"
    assert not any(name.lower().startswith("x-hubspot") for name in answers[0].headers)
    portal.sandbox.advance(1)
    assert search(portal).status_code == 200


def test_the_day_ends_at_midnight(portal: PortalClient) -> None:
    portal.sandbox.set_limits(daily=1)
    read(portal)
    refused = read(portal)
    assert refused.status_code == 429
    assert refused.json()["policyName"] == "DAILY"
    portal.sandbox.advance(11)
    assert read(portal).status_code == 429
    portal.sandbox.advance(86_400)
    assert read(portal).status_code == 200


def test_limits_can_be_off(portal: PortalClient) -> None:
    portal.sandbox.set_limits(enforced=False, burst=1)
    answers: list[Any] = [read(portal) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert "X-HubSpot-RateLimit-Max" not in answers[0].headers
