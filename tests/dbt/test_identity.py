"""Whose memberships are one person's, over time: merged, split, and never taken for another's."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Any

import duckdb
import pytest

from tellerline.settings import VAULT
from tests.dbt.sessions import LAST_DAY, DbtSession

EVE, MERGED, SPLIT = date(2026, 5, 10), date(2026, 5, 11), date(2026, 6, 8)
DAYS = (EVE, MERGED, SPLIT, LAST_DAY)
PLANTED, PARTED = 20, 5
CLOCK = ("stg_alkami__loads", "as_of")
RELATIONS = (
    "vault.identity.dim_contacts",
    "vault.identity.fct_identity_links",
    "vault.identity.act_identities",
    "vault.identity.fct_person_members",
    "vault.identity.fct_identity_conflicts",
    "vault.identity.fct_person_memberships",
)
State = dict[str, list[tuple[Any, ...]]]


def plant(connection: duckdb.DuckDBPyConnection) -> None:
    """Give some adults a second membership, and a few of these another address later on."""
    connection.execute(f"""
        create temp table adults as
        select *, row_number() over (order by member_id) as number
        from vault.raw.contacts
        where email like ' Member%' and member_id in (
            select member_id from raw.account_snapshot
            where
                business_date = date '{EVE}' and member_type = 'individual' and not is_minor
                and birth_year is not null
        )
        order by member_id
        limit {PLANTED}
    """)
    for day, email, condition in (
        (MERGED, "upper(trim(email))", "true"),
        (SPLIT, "'other.' || trim(email)", f"number <= {PARTED}"),
    ):
        connection.execute(f"""
            insert into vault.raw.contacts
            select * exclude (number) replace (
                sha256('second-' || member_id) as member_id,
                {email} as email,
                timestamp '{day} 09:00:00' as updated_at,
                date '{day}' as business_date,
                'contacts-{day}' as load_id
            )
            from adults where {condition}
        """)
    connection.execute(f"""
        insert into raw.account_snapshot
        select * replace (
            sha256('second-' || member_id) as member_id,
            date '{MERGED}' as member_since_date,
            null as account_id,
            null as ownership_role
        )
        from raw.account_snapshot
        where member_id in (select member_id from adults) and business_date >= date '{MERGED}'
        qualify row_number() over (partition by member_id, business_date) = 1
    """)


def late_load(connection: duckdb.DuckDBPyConnection, load_id: str) -> None:
    """Receive one more file of the last day, which adds to the others and replaces none."""
    connection.execute(
        f"""
        insert into raw.loads
        select * replace (
            ? as load_id, received_at + interval 1 hour as received_at, false as is_whole_day
        )
        from raw.loads
        where feed = 'account_snapshot' and business_date = date '{LAST_DAY}'
        limit 1
        """,
        [load_id],
    )


def correct_snapshot(
    connection: duckdb.DuckDBPyConnection, member_id: str, correction: str
) -> None:
    """Send the rows of a member on the last day again, corrected, in a file of their own."""
    load_id = f"account_snapshot-corrected-{member_id[:8]}"
    late_load(connection, load_id)
    connection.execute(
        f"""
        insert into raw.account_snapshot
        select * replace ({correction}, ? as load_id)
        from raw.account_snapshot where member_id = ? and business_date = ?
        """,
        [load_id, member_id, LAST_DAY],
    )


def build(home: DbtSession, *variables: str) -> State:
    """Build identity and return its rows, sorted."""
    home.invoke("run", "--select", *CLOCK, *variables)
    home.invoke("run", "--selector", VAULT, *variables)
    return {name: home.rows(f"select * from {name} order by all") for name in RELATIONS}


def build_on(home: DbtSession, day: date) -> State:
    """Build identity when nothing has been loaded after a day."""
    with home.connect(read_only=False) as connection:
        connection.execute("create table if not exists all_loads as from raw.loads")
        connection.execute("delete from raw.loads")
        connection.execute(
            "insert into raw.loads select * from all_loads where business_date <= ?", [day]
        )
    return build(home)


@pytest.fixture(scope="module")
def home(built: DbtSession, tmp_path_factory: pytest.TempPathFactory) -> DbtSession:
    """A copy of what was built, without history and with second memberships."""
    copy = built.copied_to(tmp_path_factory.mktemp("identity"))
    if copy.parsed is None:
        copy.parse()
    with copy.connect(read_only=False) as connection:
        connection.execute("delete from vault.history.membership_changes")
        connection.execute("delete from vault.history.observations")
        plant(connection)
    return copy


@pytest.fixture(scope="module")
def states(home: DbtSession) -> dict[date, State]:
    """What was known on each day, built on that day."""
    return {day: build_on(home, day) for day in DAYS}


@pytest.fixture(scope="module")
def again(home: DbtSession, states: dict[date, State]) -> State:
    """What a past day looks like when it is built once later days are recorded."""
    return build(DbtSession(home.home), "--vars", f"{{as_of_date: {MERGED}}}")


def second_of(member_id: str) -> str:
    """Return the id of the second membership that was planted for a member."""
    return hashlib.sha256(f"second-{member_id}".encode()).hexdigest()


def persons(state: State) -> dict[str, str]:
    return {row[0]: row[1] for row in state["vault.identity.fct_person_members"]}


def test_second_memberships_are_found_and_nobody_else_is_merged(states):
    assert all(member == person for member, person in persons(states[EVE]).items())
    merged = {m: p for m, p in persons(states[MERGED]).items() if m != p}
    assert len(merged) == PLANTED
    assert all(member == second_of(person) for member, person in merged.items())


def test_another_address_parts_them_again(states):
    merged = {m for m, p in persons(states[LAST_DAY]).items() if m != p}
    assert len(merged) == PLANTED - PARTED
    spells = states[LAST_DAY]["vault.identity.fct_person_memberships"]
    assert len(spells) == 2 * PLANTED
    assert {row[2] for row in spells} == {MERGED}
    assert sorted(row[4] or date.max for row in spells) == (
        [SPLIT] * 2 * PARTED + [date.max] * 2 * (PLANTED - PARTED)
    )
    assert all(row[6] for row in spells)


def test_history_names_the_partner_and_the_hash_of_what_ties_them(states):
    current = {
        row[0]: row[3]
        for row in states[MERGED]["vault.identity.fct_identity_links"]
        if row[1] == "email" and row[9] is None
    }
    for person, member, _, reason, *_ in states[MERGED]["vault.identity.fct_person_memberships"]:
        partner = second_of(person) if member == person else person
        assert reason == (
            f"hashed_email: same email address {current[member]}, "
            f"name and year of birth as {partner}"
        )


def test_who_joins_an_older_membership_is_told_where_they_are_now(home, states, tmp_path):
    """The oldest membership stands for the person: when an older one appears, its id does."""
    copy = home.copied_to(tmp_path)
    second, first = min((m, p) for m, p in persons(states[LAST_DAY]).items() if m != p)
    older = hashlib.sha256(b"older").hexdigest()
    with copy.connect(read_only=False) as connection:
        for table in ("vault.raw.contacts", "raw.account_snapshot"):
            connection.execute(
                f"""
                insert into {table} by name
                select * replace (? as member_id, date '{LAST_DAY}' as business_date)
                from {table} where member_id = ?
                order by business_date desc limit 1
                """,
                [older, first],
            )
        connection.execute(
            f"update raw.account_snapshot set member_since_date = date '1980-01-01', "
            f"account_id = null, load_id = 'account_snapshot-late' where member_id = '{older}'"
        )
        late_load(connection, "account_snapshot-late")
    spells = build(copy)["vault.identity.fct_person_memberships"]
    told = {(row[0], row[1]): row[5] for row in spells if row[1] in (first, second, older)}
    assert told == {
        (first, first): f"now under person {older}",
        (first, second): f"now under person {older}",
        (older, first): None,
        (older, second): None,
        (older, older): None,
    }


@pytest.mark.breadth
def test_a_past_day_is_rebuilt_to_the_same_rows(states, again):
    assert {name for name in RELATIONS if again[name] != states[MERGED][name]} == set()


@pytest.mark.breadth
def test_what_is_known_later_only_ends_links_and_adds_others(states):
    """History is never rewritten: cut at a past day, the links of today are those of that day."""
    *_, valid_from, valid_to = range(len(states[EVE]["vault.identity.fct_identity_links"][0]))
    today = states[LAST_DAY]["vault.identity.fct_identity_links"]
    for day in DAYS:
        cut = [
            (*row[:valid_to], row[valid_to] if row[valid_to] and row[valid_to] <= day else None)
            for row in today
            if row[valid_from] <= day
        ]
        then = states[day]["vault.identity.fct_identity_links"]
        assert sorted(cut, key=repr) == sorted(then, key=repr), day


@pytest.mark.breadth
def test_devices_tie_memberships_only_where_permitted(home, again):
    """A device that two names use is nobody's proof; one that a person used twice is theirs."""
    with home.connect(read_only=False) as connection:
        connection.execute(f"""
            insert into raw.digital_events
            select * replace (
                event_id || '-second' as event_id, sha256('second-' || member_id) as member_id
            )
            from raw.digital_events where sha256('second-' || member_id) in (
                select member_id from vault.raw.contacts where load_id = 'contacts-{SPLIT}'
            )
        """)
        users = connection.execute("""
            select count(distinct member_id) from raw.digital_events
            where event_id like '%-second' and is_successful
        """).fetchall()[0][0]
        # A tablet in a branch, and one that a family shares.
        connection.execute("""
            insert into raw.digital_events
            select * replace (event_id || '-branch' as event_id, 'branch' as device_id)
            from raw.digital_events
        """)
    assert users > 0
    kept = persons(build(home))
    tied = build(DbtSession(home.home), "--vars", "{link_by_device: true}")
    assert sum(m != p for m, p in kept.items()) == PLANTED - PARTED
    merged = {m: p for m, p in persons(tied).items() if m != p}
    assert len(merged) == PLANTED - PARTED + users
    assert all(member == second_of(person) for member, person in merged.items())
    rules = {row[3] for row in tied["vault.identity.fct_person_members"]}
    assert rules == {"core_member_number", "hashed_email", "device"}
    assert "device" not in {row[1] for row in tied["vault.identity.act_identities"]}


def test_a_decision_counts_from_its_day_on(home, states, tmp_path):
    """Told apart whom an address ties, and tied whom another address parted."""
    copy = home.copied_to(tmp_path)
    told_apart = min((m, p) for m, p in persons(states[LAST_DAY]).items() if m != p)
    was_merged = {(m, p) for m, p in persons(states[MERGED]).items() if m != p}
    tied = min(pair for pair in was_merged if persons(states[LAST_DAY])[pair[0]] == pair[0])
    with copy.connect(read_only=False) as connection:
        for pair, decision in ((told_apart, "different"), (tied, "same")):
            connection.execute(
                "insert into seeds.identity_reviews values (?, ?, ?, ?, 'cy', 'two passports')",
                [*sorted(pair), decision, LAST_DAY],
            )
    decided = build(copy)
    found = persons(decided)
    assert found[told_apart[0]] == told_apart[0]
    assert found[tied[0]] == tied[1]
    rules = {row[0]: row[3] for row in decided["vault.identity.fct_person_members"]}
    assert rules[tied[0]] == rules[tied[1]] == "reviewed"
    closed = {
        frozenset(row[4].split("|")): (row[2], row[8])
        for row in decided["vault.identity.fct_identity_conflicts"]
    }
    assert closed[frozenset(told_apart)] == (
        False,
        f"told apart by cy on {LAST_DAY}: two passports",
    )
    spells = decided["vault.identity.fct_person_memberships"]
    assert any(row[1] == tied[0] and row[2] == LAST_DAY and "two passports" in row[3]
               for row in spells)  # fmt: skip
    past = build(DbtSession(copy.home), "--vars", f"{{as_of_date: {MERGED}}}")
    assert persons(past) == persons(states[MERGED])


def test_decisions_that_contradict_each_other_are_told(home, states, tmp_path):
    copy = home.copied_to(tmp_path)
    one, two, three = sorted(persons(states[LAST_DAY]))[:3]
    with copy.connect(read_only=False) as connection:
        for first, last, decision, who in (
            (one, two, "same", "cy"),
            (two, three, "same", "cy"),
            (one, three, "different", "bo"),
        ):
            connection.execute(
                "insert into seeds.identity_reviews values (?, ?, ?, ?, ?, 'passport')",
                [first, last, decision, LAST_DAY, who],
            )
    found = persons(build(copy))
    assert len({found[one], found[two], found[three]}) == 3
    with pytest.raises(AssertionError, match=r"by cy is contradicted by others"):
        copy.invoke("test", "--selector", VAULT)


def test_every_member_is_a_person_with_contact_data_or_without(built):
    members = {
        row[0]
        for row in built.rows(
            "select member_id from core.dim_members where member_status <> 'absent'"
        )
    }
    found = built.rows("select member_id, evidence from vault.identity.fct_person_members")
    assert members <= {row[0] for row in found}
    assert len(found) == len({row[0] for row in found})


def test_conflicts_name_members_by_keyed_hashes_alone(built):
    rows = built.rows("select member_ids, needs_review from vault.identity.fct_identity_conflicts")
    assert rows
    known = {row[0] for row in built.rows("select member_id from core.dim_members")}
    assert {member for members, _ in rows for member in members.split("|")} <= known


def test_a_corrected_snapshot_parts_whom_the_first_one_made_one_person(home, states, tmp_path):
    copy = home.copied_to(tmp_path)
    merged = sorted(m for m, p in persons(states[LAST_DAY]).items() if m != p)
    with copy.connect(read_only=False) as connection:
        correct_snapshot(connection, merged[0], "birth_year - 30 as birth_year")
        correct_snapshot(connection, merged[1], "true as is_minor")
    corrected = build(copy)
    found = {m for m, p in persons(corrected).items() if m != p}
    assert found == set(merged[2:])
    told = {
        row[1]: set(row[4].split("|")) for row in corrected["vault.identity.fct_identity_conflicts"]
    }
    assert merged[0] in told["namesakes"]
