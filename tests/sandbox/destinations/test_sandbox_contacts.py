from __future__ import annotations

import pytest
import requests
from portal_client import KEY, PortalClient, member

BAD_EMAIL = "nobody.example"


def error_codes(answer: requests.Response) -> list[str]:
    return [error["code"] for error in answer.json()["errors"]]


def test_an_upsert_creates_and_then_updates(either_portal: PortalClient) -> None:
    first = either_portal.upsert([member("a", firstname="Ann")])
    second = either_portal.upsert([member("a", firstname="Anna")])
    assert first.status_code == second.status_code == 200
    document = second.json()
    assert document["status"] == "COMPLETE"
    assert {"startedAt", "completedAt"} <= document.keys()
    assert "errors" not in document
    [created], [updated] = first.json()["results"], document["results"]
    assert (created["new"], updated["new"]) == (True, False)
    assert created["id"] == updated["id"]
    assert updated["properties"]["firstname"] == "Anna"
    assert updated["archived"] is False
    assert updated["createdAt"] == created["createdAt"]


def test_both_forms_of_path_reach_the_same_portal(portal: PortalClient) -> None:
    portal.version = "v3"
    portal.upsert([member("a")])
    portal.version = "2026-09"
    assert portal.upsert([member("a")]).json()["results"][0]["new"] is False


def test_the_same_batch_twice_changes_nothing(portal: PortalClient) -> None:
    batch = [member(key, firstname="Ann", email=f"{key}@example.com") for key in "abc"]
    portal.upsert(batch)
    before = portal.sandbox.show("contacts")
    assert portal.upsert(batch).status_code == 200
    assert portal.sandbox.show("contacts") == before


def test_a_hundred_inputs_pass_and_one_more_does_not(either_portal: PortalClient) -> None:
    batch = [member(f"k{number}") for number in range(101)]
    refused = either_portal.upsert(batch)
    assert refused.status_code == 400
    assert refused.json()["category"] == "VALIDATION_ERROR"
    assert either_portal.upsert(batch[:100]).status_code == 200


def test_results_do_not_come_in_the_order_of_the_inputs(portal: PortalClient) -> None:
    batch = [member(key) for key in "abc"]
    order = [row["properties"][KEY] for row in portal.upsert(batch).json()["results"]]
    assert order == ["c", "b", "a"]
    portal.sandbox.set_quirks(result_order="input")
    order = [row["properties"][KEY] for row in portal.upsert(batch).json()["results"]]
    assert order == ["a", "b", "c"]


@pytest.mark.parametrize("name", ["firstname", "no_such_property", "hs_object_id"])
def test_the_id_property_must_be_unique(portal: PortalClient, name: str) -> None:
    refused = portal.upsert([{"id": "a", "idProperty": name, "properties": {}}])
    assert refused.status_code == 400
    assert "non-unique 0-1 property" in refused.json()["message"]


def test_without_an_id_property_the_id_is_a_record_id(portal: PortalClient) -> None:
    record_id = portal.upsert_ids("a")["a"]
    changed = portal.upsert([{"id": record_id, "properties": {"city": "Riverside"}}])
    assert changed.json()["results"][0]["properties"]["city"] == "Riverside"
    missing = portal.upsert([{"id": "999", "properties": {"city": "Riverside"}}])
    assert missing.status_code == 400
    assert missing.json()["category"] == "OBJECT_NOT_FOUND"


@pytest.mark.parametrize("value", [1, True, None, ["x"], {"value": "x"}])
def test_property_values_are_strings(portal: PortalClient, value: object) -> None:
    refused = portal.upsert([{"id": "a", "idProperty": KEY, "properties": {"city": value}}])
    assert refused.status_code == 400
    assert refused.json()["message"].startswith("Invalid input JSON")
    assert portal.sandbox.show("contacts")["count"] == 0


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"inputs":{}}', b'{"inputs":[1]}', b'{"inputs":[{"id":"a"}]}']
)
def test_bodies_that_do_not_deserialise(portal: PortalClient, body: bytes) -> None:
    refused = portal.session.post(
        portal.sandbox.base_url + portal.path("contacts") + "/batch/upsert",
        data=body,
        headers={"Content-Type": "application/json"},
        timeout=10,
    )
    assert refused.status_code == 400
    assert refused.json()["status"] == "error"


def test_a_body_must_be_declared_as_json(portal: PortalClient) -> None:
    refused = portal.upsert([member("a")], headers={"Content-Type": "text/plain"})
    assert refused.status_code == 415


@pytest.mark.parametrize("trace", [None, "t1"])
def test_an_unknown_property_fails_the_batch(portal: PortalClient, trace: str | None) -> None:
    refused = portal.upsert([member("a"), member("b", trace=trace, favourite_color="red")])
    assert refused.status_code == 400
    [error] = refused.json()["errors"]
    assert error["code"] == "PROPERTY_DOESNT_EXIST"
    assert error["context"] == {"propertyName": ["favourite_color"]}
    assert portal.sandbox.show("contacts")["count"] == 0


def test_an_unknown_property_fails_its_record_by_quirk(portal: PortalClient) -> None:
    portal.sandbox.set_quirks(unknown_property="record")
    batch = [member("a", trace="t1"), member("b", trace="t2", favourite_color="red")]
    answer = portal.upsert(batch).json()
    assert [row["properties"][KEY] for row in answer["results"]] == ["a"]
    assert answer["errors"][0]["context"]["objectWriteTraceId"] == ["t2"]


@pytest.mark.parametrize("traced", [False, True])
def test_duplicates_in_a_batch_fail_it(portal: PortalClient, traced: bool) -> None:
    batch = [member("a", trace="t1" if traced else None)] * 2
    refused = portal.upsert(batch)
    assert refused.status_code == 400
    document = refused.json()
    assert document["message"].startswith("Duplicate IDs found in batch input")
    assert document["category"] == "VALIDATION_ERROR"
    assert document["context"] == {"ids": ["a"]}


def test_emails_are_one_whatever_their_case(portal: PortalClient) -> None:
    inputs = [
        {"id": mail, "idProperty": "email", "properties": {}}
        for mail in ("Ann@Example.com", "ann@example.com")
    ]
    assert portal.upsert(inputs).json()["message"].startswith("Duplicate IDs")
    [row] = portal.upsert(inputs[:1]).json()["results"]
    assert row["properties"]["email"] == "ann@example.com"
    assert portal.upsert(inputs[1:]).json()["results"][0]["id"] == row["id"]


def test_without_trace_ids_one_bad_input_fails_the_batch(either_portal: PortalClient) -> None:
    refused = either_portal.upsert([member("a"), member("b", email=BAD_EMAIL)])
    assert refused.status_code == 400
    assert error_codes(refused) == ["INVALID_EMAIL"]
    assert BAD_EMAIL not in refused.text
    assert either_portal.sandbox.show("contacts")["count"] == 0


@pytest.mark.parametrize(("version", "status"), [("v3", 207), ("2026-03", 207), ("2026-09", 200)])
def test_with_trace_ids_a_bad_input_fails_alone(
    portal: PortalClient, version: str, status: int
) -> None:
    portal.version = version
    batch = [member("a", trace="t1"), member("b", trace="t2", email=BAD_EMAIL)]
    answer = portal.upsert(batch)
    assert answer.status_code == status
    document = answer.json()
    assert [row["properties"][KEY] for row in document["results"]] == ["a"]
    assert document["numErrors"] == 1
    [error] = document["errors"]
    assert error["context"]["objectWriteTraceId"] == ["t2"]
    assert {"status", "category", "message", "context", "errors", "links"} <= error.keys()
    assert portal.sandbox.show("contacts")["count"] == 1


def test_the_status_of_a_partial_failure_on_2026_09_is_a_quirk(portal: PortalClient) -> None:
    portal.sandbox.set_quirks(dated_partial_status=207)
    batch = [member("a", trace="t1"), member("b", trace="t2", email=BAD_EMAIL)]
    assert portal.upsert(batch).status_code == 207


def test_sparse_errors_leave_out_what_samples_leave_out(portal: PortalClient) -> None:
    portal.sandbox.set_quirks(sparse_errors=True)
    batch = [member("a", trace="t1"), member("b", trace="t2", email=BAD_EMAIL)]
    [error] = portal.upsert(batch).json()["errors"]
    assert error.keys() == {"status", "category", "message", "context"}
    assert portal.upsert([member("a", nothing="x")]).json().keys() == {"status", "message"}


def test_trace_ids_are_repeated_only_by_quirk(portal: PortalClient) -> None:
    [row] = portal.upsert([member("a", trace="t1")]).json()["results"]
    assert "objectWriteTraceId" not in row
    portal.sandbox.set_quirks(echo_trace_ids=True)
    [row] = portal.upsert([member("a", trace="t1")]).json()["results"]
    assert row["objectWriteTraceId"] == "t1"


@pytest.mark.parametrize("traced", [False, True])
def test_an_email_of_another_contact_is_a_conflict(portal: PortalClient, traced: bool) -> None:
    owner = portal.upsert_ids("a", email="ann@example.com")["a"]
    taken = [member("b", email="ANN@example.com", trace="t1" if traced else None)]
    answer = portal.upsert(taken)
    error = answer.json()["errors"][0] if traced else answer.json()
    assert answer.status_code == (200 if traced else 409)
    assert error["category"] == "CONFLICT"
    assert error["context"]["existingId"] == [owner]


def test_one_email_twice_in_a_batch_is_a_conflict(portal: PortalClient) -> None:
    batch = [member(key, trace=key, email="ann@example.com") for key in "ab"]
    document = portal.upsert(batch).json()
    assert [error["context"]["objectWriteTraceId"] for error in document["errors"]] == [["b"]]


def test_a_changed_unique_value_frees_the_old_one(portal: PortalClient) -> None:
    portal.upsert_ids("a", email="ann@example.com")
    portal.upsert_ids("a", email="anna@example.com")
    assert portal.upsert([member("b", email="ann@example.com")]).status_code == 200


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("lifecyclestage", "nowhere", "INVALID_OPTION"),
        ("hs_object_id", "7", "READ_ONLY_VALUE"),
        ("score", "many", "INVALID_NUMBER"),
        ("opened", "yesterday", "INVALID_DATE"),
        ("is_active", "yes", "INVALID_BOOLEAN"),
    ],
)
def test_values_suit_their_type(portal: PortalClient, name: str, value: str, code: str) -> None:
    portal.make_property("score", type="number", fieldType="number")
    portal.make_property("opened", type="date", fieldType="date")
    portal.make_property("is_active", type="bool", fieldType="booleancheckbox")
    assert error_codes(portal.upsert([member("a", **{name: value})])) == [code]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lifecyclestage", "lead"),
        ("score", "-1.5"),
        ("opened", "2026-11-22"),
        ("is_active", "true"),
    ],
)
def test_values_that_suit_their_type(portal: PortalClient, name: str, value: str) -> None:
    portal.make_property("score", type="number", fieldType="number")
    portal.make_property("opened", type="date", fieldType="date")
    portal.make_property("is_active", type="bool", fieldType="booleancheckbox")
    assert portal.upsert([member("a", **{name: value})]).status_code == 200


def test_an_empty_value_clears_a_property(portal: PortalClient) -> None:
    portal.upsert_ids("a", city="Riverside")
    portal.upsert_ids("a", city="")
    [contact] = portal.sandbox.show("contacts")["contacts"]
    assert "city" not in contact["properties"]


@pytest.mark.parametrize("value", ["naïve ☕ 🎉", "שלום", "=cmd()", "x" * 10_000, 'a"b\\c\n'])
def test_values_come_back_as_they_went(portal: PortalClient, value: str) -> None:
    record_id = portal.upsert_ids("a", city=value)["a"]
    document = {"inputs": [{"id": record_id}], "properties": ["city"]}
    [row] = portal.contacts("/batch/read", document).json()["results"]
    assert row["properties"]["city"] == value


@pytest.mark.parametrize(("version", "status"), [("v3", 200), ("2026-09", 400)])
def test_only_2026_09_enforces_validation_rules(
    portal: PortalClient, version: str, status: int
) -> None:
    rule = {"property": "city", "rule": "MAX_LENGTH", "argument": "5"}
    assert portal.call("POST", "/_sandbox/validation-rules", rule).status_code == 200
    portal.version = version
    assert portal.upsert([member("a", city="Riverside")]).status_code == status


@pytest.mark.parametrize(
    ("mode", "status", "kept"), [("reject", 400, "LA"), ("blank", 200, None), ("keep", 200, "LA")]
)
def test_a_partial_upsert_by_email_is_a_quirk(
    portal: PortalClient, mode: str, status: int, kept: str | None
) -> None:
    whole = {"id": "ann@example.com", "idProperty": "email", "properties": {"city": "LA"}}
    assert portal.upsert([whole]).status_code == 200
    portal.sandbox.set_quirks(partial_upsert_by_email=mode)
    partial = {**whole, "properties": {"firstname": "Ann"}}
    assert portal.upsert([partial]).status_code == status
    [contact] = portal.sandbox.show("contacts")["contacts"]
    assert contact["properties"].get("city") == kept


def test_batch_read_finds_by_id_and_by_unique_property(either_portal: PortalClient) -> None:
    record_id = either_portal.upsert_ids("a", city="LA")["a"]
    by_key = {"inputs": [{"id": "a"}], "idProperty": KEY, "properties": ["city"]}
    by_id = {"inputs": [{"id": record_id}], "properties": ["city"]}
    for document in (by_key, by_id):
        [row] = either_portal.contacts("/batch/read", document).json()["results"]
        assert (row["id"], row["properties"]["city"]) == (record_id, "LA")


@pytest.mark.parametrize(("version", "status"), [("v3", 207), ("2026-09", 200)])
def test_batch_read_names_what_is_missing(portal: PortalClient, version: str, status: int) -> None:
    portal.version = version
    portal.upsert_ids("a")
    document = {"inputs": [{"id": "a"}, {"id": "z"}], "idProperty": KEY, "properties": []}
    answer = portal.contacts("/batch/read", document)
    assert answer.status_code == status
    [error] = answer.json()["errors"]
    assert (error["category"], error["context"]["ids"]) == ("OBJECT_NOT_FOUND", ["z"])


def test_batch_read_takes_a_hundred(portal: PortalClient) -> None:
    document = {"inputs": [{"id": str(n)} for n in range(101)], "properties": []}
    assert portal.contacts("/batch/read", document).status_code == 400


def test_one_contact_can_be_read_and_created(portal: PortalClient) -> None:
    path = portal.path("contacts")
    made = portal.call("POST", path, {"properties": {"email": "ann@example.com"}})
    assert made.status_code == 201
    again = portal.call("POST", path, {"properties": {"email": "ANN@example.com"}})
    assert (again.status_code, again.json()["category"]) == (409, "CONFLICT")
    assert again.json()["message"] == f"Contact already exists. Existing ID: {made.json()['id']}"
    read = portal.call("GET", f"{path}/ann@example.com?idProperty=email&properties=email")
    assert read.json()["id"] == made.json()["id"]
    assert portal.call("GET", f"{path}/1").status_code == 404


def test_archiving_empties_lists_and_ignores_unknown_ids(portal: PortalClient) -> None:
    record_id = portal.upsert_ids("a")["a"]
    list_id = portal.make_list()
    portal.membership(list_id, "add", [record_id])
    gone = portal.contacts("/batch/archive", {"inputs": [{"id": record_id}, {"id": "5"}]})
    assert (gone.status_code, gone.content) == (204, b"")
    assert portal.list_size(list_id) == 0
    assert portal.sandbox.show("contacts")["archived"] == 1
    assert portal.upsert_ids("a")["a"] != record_id


def test_a_gdpr_deletion_erases(portal: PortalClient) -> None:
    record_id = portal.upsert_ids("a", email="ann@example.com")["a"]
    assert portal.contacts("/gdpr-delete", {"objectId": record_id}).status_code == 204
    held = portal.sandbox.show("contacts")
    assert (held["count"], held["archived"]) == (0, 0)
    assert portal.contacts("/gdpr-delete", {"objectId": record_id}).status_code == 404


def test_a_gdpr_deletion_of_an_unknown_email_blocks_it(portal: PortalClient) -> None:
    document = {"objectId": "ann@example.com", "idProperty": "email"}
    assert portal.contacts("/gdpr-delete", document).status_code == 204
    refused = portal.upsert([member("a", email="Ann@example.com")])
    assert error_codes(refused) == ["BLOCKED_EMAIL"]


def test_properties_are_created_once(either_portal: PortalClient) -> None:
    made = either_portal.make_property("segment", unique=False)
    assert made.status_code == 201
    assert either_portal.make_property("segment").status_code == 409
    path = either_portal.path("properties")
    assert either_portal.call("GET", f"{path}/segment").json() == made.json()
    assert either_portal.call("GET", f"{path}/missing").status_code == 404
    names = [item["name"] for item in either_portal.call("GET", path).json()["results"]]
    assert {"email", KEY, "segment"} <= set(names)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Has Space"},
        {"type": "text"},
        {"type": "number", "fieldType": "text"},
        {"groupName": "elsewhere"},
        {"type": "enumeration", "fieldType": "select"},
        {"label": None},
    ],
)
def test_definitions_that_are_refused(portal: PortalClient, change: dict[str, object]) -> None:
    assert portal.make_property("segment", **change).status_code == 400


def test_a_group_can_be_made(portal: PortalClient) -> None:
    document = {"name": "tellers", "label": "Tellers"}
    path = f"{portal.path('properties')}/groups"
    assert portal.call("POST", path, document).status_code == 201
    assert portal.call("POST", path, document).status_code == 409
    assert portal.make_property("segment", groupName="tellers").status_code == 201


def test_ten_unique_properties_are_the_limit(portal: PortalClient) -> None:
    for number in range(9):
        assert portal.make_property(f"key_{number}", unique=True).status_code == 201
    assert portal.make_property("key_9", unique=True).status_code == 400


def test_search_filters_and_pages(portal: PortalClient) -> None:
    portal.upsert_ids(*"abcde", city="LA")
    portal.upsert_ids("f", city="SF")
    portal.sandbox.advance(5)
    document = search(KEY, "IN", values=["a", "b", "f"])
    assert portal.contacts("/search", document).json()["total"] == 3
    document = search("city", "EQ", value="LA") | {"limit": 2}
    seen = []
    for _ in range(3):
        page = portal.contacts("/search", document).json()
        assert page["total"] == 5
        seen += [row["properties"][KEY] for row in page["results"]]
        document["after"] = page.get("paging", {}).get("next", {}).get("after", "")
    assert seen == list("abcde")


def test_search_sees_a_write_only_after_a_while(portal: PortalClient) -> None:
    portal.sandbox.set_quirks(search_lag=60)
    portal.upsert_ids("a", city="LA")
    document = search("city", "EQ", value="LA")
    assert portal.contacts("/search", document).json()["total"] == 0
    portal.sandbox.advance(61)
    assert portal.contacts("/search", document).json()["total"] == 1


def test_search_takes_its_whole_body_and_its_limits(portal: PortalClient) -> None:
    whole = search("city", "EQ", value="LA")
    portal.sandbox.set_limits(search=100)
    for name in whole:
        partial = {key: value for key, value in whole.items() if key != name}
        assert portal.contacts("/search", partial).status_code == 400
    assert portal.contacts("/search", whole | {"limit": 201}).status_code == 400
    assert portal.contacts("/search", whole | {"after": "9901"}).status_code == 400
    assert portal.contacts("/search", whole | {"limit": 100, "after": "9900"}).status_code == 200
    assert portal.contacts("/search", search("nothing", "EQ", value="x")).status_code == 400


def test_search_counts_to_ten_thousand(portal: PortalClient) -> None:
    portal.sandbox.set_limits(enforced=False)
    for start in range(0, 10_100, 100):
        portal.upsert([member(f"k{start + n}", city="LA") for n in range(100)])
    portal.sandbox.advance(5)
    document = search("city", "HAS_PROPERTY")
    assert portal.contacts("/search", document).json()["total"] == 10_000


def test_errors_have_an_envelope(portal: PortalClient) -> None:
    document = portal.call("GET", f"{portal.path('contacts')}/1").json()
    assert document["status"] == "error"
    assert {"message", "correlationId", "category"} <= document.keys()


def test_paths_and_methods_that_do_not_exist(portal: PortalClient) -> None:
    assert portal.call("GET", "/contacts/v1/lists").status_code == 404
    assert portal.call("GET", "/crm/v9/objects/contacts/batch/upsert").status_code == 404
    assert portal.call("PUT", f"{portal.path('contacts')}/batch/upsert", {}).status_code == 405


def search(name: str, operator: str, **condition: object) -> dict[str, object]:
    item = {"propertyName": name, "operator": operator, **condition}
    return {
        "filterGroups": [{"filters": [item]}],
        "limit": 100,
        "after": "",
        "sorts": [],
        "properties": [KEY],
    }
