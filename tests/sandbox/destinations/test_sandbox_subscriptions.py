from __future__ import annotations

from typing import Any

import pytest
from portal_client import PortalClient

ANN = "ann@example.com"


def wish(email: str = ANN, state: str = "SUBSCRIBED", **more: Any) -> dict[str, Any]:
    return {
        "subscriberIdString": email,
        "subscriptionId": 1001,
        "channel": "EMAIL",
        "statusState": state,
    } | more


def write(portal: PortalClient, *inputs: dict[str, Any]) -> dict[str, Any]:
    answer = portal.statuses("batch/write", {"inputs": list(inputs)})
    assert answer.status_code in (200, 207), answer.text
    document: dict[str, Any] = answer.json()
    return document


def reason(portal: PortalClient, state: str) -> str:
    [row] = write(portal, wish(state=state))["results"]
    return str(row["setStatusSuccessReason"])


def state(portal: PortalClient, email: str = ANN) -> str:
    path = f"{portal.path('preferences')}/statuses/{email}?channel=EMAIL"
    [row] = portal.call("GET", path).json()["results"]
    return str(row["status"])


def test_the_portal_has_one_definition(either_portal: PortalClient) -> None:
    path = f"{either_portal.path('preferences')}/definitions"
    [definition] = either_portal.call("GET", path).json()["results"]
    assert (definition["id"], definition["name"]) == ("1001", "Product marketing")


def test_statuses_are_written_and_read(either_portal: PortalClient) -> None:
    [row] = write(either_portal, wish(email="Ann@Example.com"))["results"]
    assert (row["subscriberIdString"], row["status"]) == (ANN, "SUBSCRIBED")
    answer = either_portal.statuses("batch/read?channel=EMAIL", {"inputs": [ANN, "bo@b.example"]})
    read = {item["subscriberIdString"]: item["statuses"][0] for item in answer.json()["results"]}
    assert read[ANN]["status"] == "SUBSCRIBED"
    assert read["bo@b.example"]["status"] == "NOT_SPECIFIED"


def test_each_write_says_what_it_did(portal: PortalClient) -> None:
    assert reason(portal, "SUBSCRIBED") == "REQUESTED_CHANGE_OCCURRED"
    assert reason(portal, "SUBSCRIBED") == "NO_STATUS_CHANGE"
    assert reason(portal, "UNSUBSCRIBED") == "REQUESTED_CHANGE_OCCURRED"
    assert reason(portal, "SUBSCRIBED") == "RESUBSCRIBE_OCCURRED"


@pytest.mark.parametrize(
    "bad",
    [
        {"subscriberIdString": "nobody"},
        {"subscriptionId": 9},
        {"channel": "SMS"},
        {"statusState": "MAYBE"},
        {"legalBasis": "BECAUSE"},
    ],
)
@pytest.mark.parametrize(("version", "status"), [("v3", 207), ("2026-09", 200)])
def test_an_input_fails_alone(
    portal: PortalClient, bad: dict[str, Any], version: str, status: int
) -> None:
    portal.version = version
    inputs = [wish() | bad, wish("bo@b.example")]
    answer = portal.statuses("batch/write", {"inputs": inputs})
    assert answer.status_code == status
    document = answer.json()
    assert [row["subscriberIdString"] for row in document["results"]] == ["bo@b.example"]
    assert (document["numErrors"], len(document["errors"])) == (1, 1)


@pytest.mark.parametrize("name", ["subscriberIdString", "subscriptionId", "channel", "statusState"])
def test_an_input_without_a_required_field_fails_the_batch(portal: PortalClient, name: str) -> None:
    incomplete = wish()
    del incomplete[name]
    assert portal.statuses("batch/write", {"inputs": [incomplete]}).status_code == 400


def test_a_batch_has_a_hundred_inputs(portal: PortalClient) -> None:
    inputs = [wish(f"m{number}@example.com") for number in range(101)]
    assert portal.statuses("batch/write", {"inputs": inputs}).status_code == 400
    assert portal.statuses("batch/write", {"inputs": inputs[:100]}).status_code == 200


def test_the_channel_is_required_to_read(portal: PortalClient) -> None:
    assert portal.statuses("batch/read", {"inputs": [ANN]}).status_code == 400


def test_a_legal_basis_is_mandatory_with_data_privacy_on(portal: PortalClient) -> None:
    portal.sandbox.set_quirks(data_privacy=True)
    assert write(portal, wish())["results"] == []
    lawful = wish(legalBasis="CONSENT_WITH_NOTICE", legalBasisExplanation="Ticked at a branch")
    [row] = write(portal, lawful)["results"]
    assert row["legalBasis"] == "CONSENT_WITH_NOTICE"


@pytest.mark.parametrize("definition", [1001, None])
def test_who_opted_out_himself_is_not_subscribed_again(
    portal: PortalClient, definition: int | None
) -> None:
    write(portal, wish())
    portal.sandbox.opt_out(ANN, definition)
    document = write(portal, wish())
    assert (document["results"], document["numErrors"]) == ([], 1)
    assert state(portal) == "UNSUBSCRIBED"
    portal.sandbox.set_quirks(resubscribe="allow")
    assert reason(portal, "SUBSCRIBED") == "RESUBSCRIBE_OCCURRED"
    assert state(portal) == "SUBSCRIBED"


def test_an_own_opt_out_counts_after_one_by_the_institution(portal: PortalClient) -> None:
    write(portal, wish(state="UNSUBSCRIBED"))
    portal.sandbox.opt_out(ANN, 1001)
    assert write(portal, wish())["numErrors"] == 1


def test_leaving_everything(either_portal: PortalClient) -> None:
    write(either_portal, wish())
    base = f"{either_portal.path('preferences')}/statuses/{ANN}/unsubscribe-all?channel=EMAIL"
    assert either_portal.call("GET", base).json()["results"] == []
    [row] = either_portal.call("POST", base).json()["results"]
    assert row["setStatusSuccessReason"] == "UNSUBSCRIBE_FROM_ALL_OCCURRED"
    assert either_portal.call("GET", base).json()["results"][0]["status"] == "UNSUBSCRIBED"
    assert state(either_portal) == "UNSUBSCRIBED"


def test_many_leave_everything(portal: PortalClient) -> None:
    emails = {"inputs": [ANN, "bo@b.example"]}
    assert portal.statuses("batch/unsubscribe-all?channel=EMAIL", emails).status_code == 200
    answer = portal.statuses("batch/unsubscribe-all/read?channel=EMAIL", emails).json()
    assert all(row["wideStatuses"][0]["status"] == "UNSUBSCRIBED" for row in answer["results"])


def test_one_status_can_be_set(portal: PortalClient) -> None:
    document = {"subscriptionId": 1001, "channel": "EMAIL", "statusState": "UNSUBSCRIBED"}
    assert portal.statuses(ANN, document).json()["results"][0]["status"] == "UNSUBSCRIBED"


def test_v3_never_subscribes_again(portal: PortalClient) -> None:
    base = "/communication-preferences/v3"
    document = {"emailAddress": ANN, "subscriptionId": "1001"}
    assert portal.call("POST", f"{base}/subscribe", document).status_code == 200
    assert portal.call("POST", f"{base}/unsubscribe", document).status_code == 200
    assert portal.call("POST", f"{base}/subscribe", document).status_code == 400
    read = portal.call("GET", f"{base}/status/email/{ANN}").json()
    assert read["subscriptionStatuses"][0]["status"] == "NOT_SUBSCRIBED"
    definitions = portal.call("GET", f"{base}/definitions").json()
    assert definitions["subscriptionDefinitions"][0]["id"] == "1001"
