from __future__ import annotations

import pytest
from portal_client import PortalClient


@pytest.fixture
def ids(portal: PortalClient) -> list[str]:
    found = portal.upsert_ids(*(f"k{number:03d}" for number in range(20)))
    return sorted(found.values(), key=int)


def test_a_list_is_made_and_found(either_portal: PortalClient) -> None:
    list_id = either_portal.make_list("tellerline payroll")
    base = either_portal.path("lists")
    by_name = either_portal.call("GET", f"{base}/object-type-id/0-1/name/tellerline%20payroll")
    by_id = either_portal.call("GET", f"{base}/{list_id}")
    assert by_name.json() == by_id.json()
    held = by_id.json()["list"]
    assert held["listId"] == list_id
    assert held["processingType"] == "MANUAL"
    assert held["processingStatus"] == "COMPLETE"
    assert (held["size"], held["listVersion"]) == (0, 1)


def test_lists_that_do_not_exist(portal: PortalClient) -> None:
    base = portal.path("lists")
    assert portal.call("GET", f"{base}/999").status_code == 404
    assert portal.call("GET", f"{base}/object-type-id/0-1/name/nothing").status_code == 404
    assert portal.membership("999", "add", ["1"]).status_code == 404


def test_two_lists_cannot_have_one_name(portal: PortalClient) -> None:
    portal.make_list("payroll")
    document = {"name": "payroll", "objectTypeId": "0-1", "processingType": "MANUAL"}
    refused = portal.call("POST", portal.path("lists"), document)
    assert refused.status_code == 400
    assert refused.json()["subCategory"] == "ILS.DUPLICATE_LIST_NAMES"


@pytest.mark.parametrize("missing", ["name", "objectTypeId", "processingType"])
def test_a_list_needs_its_three_fields(portal: PortalClient, missing: str) -> None:
    document = {"name": "payroll", "objectTypeId": "0-1", "processingType": "MANUAL"}
    del document[missing]
    assert portal.call("POST", portal.path("lists"), document).status_code == 400


def test_members_are_added_and_removed(
    portal: PortalClient, ids: list[str], either_portal: PortalClient
) -> None:
    list_id = either_portal.make_list()
    added = either_portal.membership(list_id, "add", ids[:5])
    assert added.status_code == 200
    assert sorted(added.json()["recordsIdsAdded"], key=int) == ids[:5]
    assert either_portal.list_size(list_id) == 5
    removed = either_portal.membership(list_id, "remove", ids[3:7])
    assert removed.json()["recordIdsRemoved"] == ids[3:5]
    assert either_portal.list_size(list_id) == 3


def test_empty_lists_are_left_out_of_the_answer(portal: PortalClient, ids: list[str]) -> None:
    list_id = portal.make_list()
    assert portal.membership(list_id, "add", ids[:1]).json().keys() == {"recordsIdsAdded"}
    assert portal.membership(list_id, "add", ids[:1]).json() == {}
    portal.sandbox.set_quirks(empty_lists="include", added_spelling="recordIdsAdded")
    answer = portal.membership(list_id, "add", ids[:1]).json()
    assert answer == {"recordIdsMissing": [], "recordIdsRemoved": [], "recordIdsAdded": []}


def test_unknown_ids_are_missing_and_the_rest_is_done(portal: PortalClient, ids: list[str]) -> None:
    list_id = portal.make_list()
    answer = portal.membership(list_id, "add", [ids[0], "999", "abc"]).json()
    assert answer == {"recordsIdsAdded": [ids[0]], "recordIdsMissing": ["999", "abc"]}


@pytest.mark.parametrize("body", [{"recordIds": ["1"]}, [1], "1", None, [["1"]]])
def test_the_body_is_a_bare_array_of_strings(
    portal: PortalClient, ids: list[str], body: object
) -> None:
    list_id = portal.make_list()
    assert portal.membership(list_id, "add", body).status_code in (400, 415)
    assert portal.list_size(list_id) == 0


def test_add_and_remove_need_both_lists(portal: PortalClient, ids: list[str]) -> None:
    list_id = portal.make_list()
    portal.membership(list_id, "add", ids[:2])
    half = portal.membership(list_id, "add-and-remove", {"recordIdsToAdd": ids[2:4]})
    assert half.status_code == 400
    both = {"recordIdsToAdd": ids[2:4], "recordIdsToRemove": ids[:1]}
    answer = portal.membership(list_id, "add-and-remove", both).json()
    assert (answer["recordsIdsAdded"], answer["recordIdsRemoved"]) == (ids[2:4], ids[:1])
    assert portal.list_size(list_id) == 3


def test_a_dynamic_list_takes_no_writes_and_a_snapshot_does(
    portal: PortalClient, ids: list[str]
) -> None:
    dynamic, snapshot = portal.make_list("one", "DYNAMIC"), portal.make_list("two", "SNAPSHOT")
    for verb in ("add", "remove"):
        assert portal.membership(dynamic, verb, ids[:1]).status_code == 400
    assert portal.membership(snapshot, "add", ids[:1]).status_code == 200


def test_one_call_carries_a_limited_number_of_ids(portal: PortalClient, ids: list[str]) -> None:
    portal.sandbox.set_quirks(membership_limit=5)
    list_id = portal.make_list()
    assert portal.membership(list_id, "add", ids[:6]).status_code == 400
    assert portal.membership(list_id, "add", ids[:5]).status_code == 200


def test_members_are_paged_by_ascending_record_id(
    portal: PortalClient, ids: list[str], either_portal: PortalClient
) -> None:
    list_id = either_portal.make_list()
    either_portal.membership(list_id, "add", list(reversed(ids)))
    path, after, seen = f"{either_portal.path('lists')}/{list_id}/memberships", "", []
    while True:
        page = either_portal.call("GET", f"{path}?limit=6{after}").json()
        seen += [row["recordId"] for row in page["results"]]
        assert all("membershipTimestamp" in row for row in page["results"])
        if "paging" not in page:
            break
        after = f"&after={page['paging']['next']['after']}"
    assert seen == ids
    joined = either_portal.call("GET", f"{path}/join-order").json()["results"]
    assert [row["recordId"] for row in joined] == list(reversed(ids))


def test_a_page_follows_changes(portal: PortalClient, ids: list[str]) -> None:
    list_id = portal.make_list()
    path = f"{portal.path('lists')}/{list_id}/memberships"
    for added, expected in ((ids[5:7], ids[5:7]), (ids[:2], ids[:2] + ids[5:7])):
        portal.membership(list_id, "add", added)
        page = portal.call("GET", path).json()["results"]
        assert [row["recordId"] for row in page] == expected


@pytest.mark.parametrize(("limit", "status"), [(250, 200), (251, 400), (0, 400)])
def test_a_page_has_at_most_250_members(portal: PortalClient, limit: int, status: int) -> None:
    list_id = portal.make_list()
    path = f"{portal.path('lists')}/{list_id}/memberships?limit={limit}"
    assert portal.call("GET", path).status_code == status


def test_a_page_has_100_members_unless_told(portal: PortalClient) -> None:
    keys = [f"m{number}" for number in range(120)]
    ids = [*portal.upsert_ids(*keys[:100]).values(), *portal.upsert_ids(*keys[100:]).values()]
    list_id = portal.make_list()
    portal.membership(list_id, "add", ids)
    page = portal.call("GET", f"{portal.path('lists')}/{list_id}/memberships").json()
    assert (len(page["results"]), page["total"]) == (100, 120)


def test_a_list_is_cleared_and_copied(portal: PortalClient, ids: list[str]) -> None:
    source, target = portal.make_list("one"), portal.make_list("two")
    portal.membership(source, "add", ids)
    base = portal.path("lists")
    copied = portal.call("PUT", f"{base}/{target}/memberships/add-from/{source}")
    assert (copied.status_code, portal.list_size(target)) == (204, 20)
    cleared = portal.call("DELETE", f"{base}/{source}/memberships")
    assert (cleared.status_code, portal.list_size(source)) == (204, 0)


def test_a_long_list_is_neither_cleared_nor_copied(portal: PortalClient, ids: list[str]) -> None:
    portal.sandbox.set_quirks(whole_list_limit=20)
    source, target = portal.make_list("one"), portal.make_list("two")
    portal.membership(source, "add", ids)
    base = portal.path("lists")
    copied = portal.call("PUT", f"{base}/{target}/memberships/add-from/{source}")
    assert copied.status_code == 400
    assert portal.call("DELETE", f"{base}/{source}/memberships").status_code == 400
    assert portal.list_size(source) == 20


def test_a_deleted_list_can_be_restored(portal: PortalClient, ids: list[str]) -> None:
    list_id = portal.make_list()
    portal.membership(list_id, "add", ids)
    path = f"{portal.path('lists')}/{list_id}"
    assert portal.call("DELETE", path).status_code == 204
    assert portal.call("GET", path).status_code == 404
    assert portal.call("PUT", f"{path}/restore").status_code == 204
    assert portal.list_size(list_id) == 20


def test_search_of_lists_shows_sizes(portal: PortalClient, ids: list[str]) -> None:
    portal.membership(portal.make_list("tellerline payroll"), "add", ids)
    portal.make_list("something else")
    document = {"query": "tellerline", "additionalProperties": ["hs_list_size"], "count": 500}
    path = f"{portal.path('lists')}/search"
    [found] = portal.call("POST", path, document).json()["lists"]
    assert found["additionalProperties"]["hs_list_size"] == "20"
    assert portal.call("POST", path, document | {"count": 501}).status_code == 400


def test_the_size_can_lag(portal: PortalClient, ids: list[str]) -> None:
    list_id = portal.make_list()
    portal.sandbox.set_quirks(list_size_lag=60)
    portal.membership(list_id, "add", ids)
    assert portal.list_size(list_id) == 0
    portal.sandbox.advance(61)
    assert portal.list_size(list_id) == 20


def test_the_size_of_some_lists_can_lag_by_fault(portal: PortalClient, ids: list[str]) -> None:
    slow, fast = portal.make_list("slow"), portal.make_list("fast")
    portal.sandbox.set_faults(
        {"effect": "list_size_lag", "path": f"/{slow}/memberships", "seconds": 1200}
    )
    for list_id in (slow, fast):
        portal.membership(list_id, "add", ids)
    assert (portal.list_size(slow), portal.list_size(fast)) == (0, 20)
    portal.sandbox.advance(1201)
    assert portal.list_size(slow) == 20
