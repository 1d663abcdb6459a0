"""While a consent file that arrived is not loaded, nobody may be addressed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from feed_site import (
    NAMES,
    Site,
    before,
    contract_of,
    lines_of,
    make_file,
    make_rows,
    name_of,
    pack,
)

from activation.consent import check_consents_loaded
from tellerline.consent_journal import CONSENT_FEED as FEED
from tellerline.errors import PolicyRefusedError, RunStoppedError
from tellerline.state import State

NAME = name_of(FEED)
NEXT = date(2026, 3, 10)
FAR = date(2026, 4, 1)


def bad_file(feed: str = FEED) -> bytes:
    """Return 258 good changes and one of a channel that there is none of."""
    rows = make_rows(feed, 259)
    rows[100]["channel"] = "fax"
    return pack(feed, lines_of(feed, rows))


def refusal(site: Site) -> str:
    """Return why nobody may be addressed, from the book opened anew; empty when somebody may."""
    with State(site.settings.state) as state:
        try:
            check_consents_loaded(state)
        except PolicyRefusedError as error:
            return str(error)
    return ""


def quarantine(site: Site) -> None:
    site.put(FEED, bad_file())
    site.run()


def stop(site: Site) -> None:
    site.put(FEED, make_file(FEED, 5), folder="")
    site.put(FEED, make_file(FEED, 5, start=50))
    site.run()


def keep_waiting(site: Site) -> None:
    stop(site)
    site.put(FEED, make_file(FEED, 5, NEXT), NEXT)
    site.run()


def leave_unread(site: Site) -> None:
    """Receive a file, and fail before it is loaded: the journal cannot be written."""
    site.settings.home.mkdir(parents=True)
    site.settings.consent_journal.touch()
    site.put(FEED, make_file(FEED, 5))
    with pytest.raises(RunStoppedError, match="cannot be read or written"):
        site.run()


def refuse_on_arrival(site: Site) -> None:
    site.put(FEED, make_file(FEED, 5), FAR)
    site.run()


def correct(site: Site) -> None:
    site.put(FEED, make_file(FEED, 259))
    site.run()


def mend_contract(site: Site) -> None:
    contract = contract_of(FEED)
    for field in contract["fields"]:
        if field["name"] == "channel":
            field["mapping"] = {"fax": "direct_mail"}
    site.run(contracts=site.contracts(**{FEED: contract}), release=frozenset({NAME}))


def discard(name: str) -> Callable[[Site], None]:
    return lambda site: site.run(discard=frozenset({name})) and None


def release(name: str) -> Callable[[Site], None]:
    return lambda site: site.run(release=frozenset({name})) and None


def ingest(site: Site) -> None:
    site.settings.consent_journal.unlink()
    site.run()


STOPPED_TEXT = f"{NAME}: has stopped its feed (name_reused)"
BAD_TEXT = f"{NAME}: is quarantined (rejected_ratio)"
HELD: dict[str, tuple[Callable[[Site], None], str, Callable[[Site], None]]] = {
    "quarantined, corrected": (quarantine, BAD_TEXT, correct),
    "quarantined, judged once more": (quarantine, BAD_TEXT, mend_contract),
    "quarantined, discarded": (quarantine, BAD_TEXT, discard(NAME)),
    "stopped, released": (stop, STOPPED_TEXT, release(NAME)),
    "stopped, discarded": (stop, STOPPED_TEXT, discard(FEED)),
    "waiting, released": (keep_waiting, "in 1 more that are not loaded", release(NAME)),
    "waiting, discarded": (keep_waiting, "in 1 more that are not loaded", discard(NAME)),
    "not read, ingested": (leave_unread, f"{NAME}: has arrived and is not loaded", ingest),
    "refused on arrival, discarded": (
        refuse_on_arrival, "is quarantined (future_business_date)", discard(name_of(FEED, FAR)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HELD)
def test_a_consent_file_is_held_until_it_is_loaded_or_decided_on(site: Site, case: str) -> None:
    hold, why, resolve = HELD[case]
    hold(site)
    assert why in refusal(site)
    if case != "not read, ingested":
        site.run()
        assert why in refusal(site)
    resolve(site)
    assert refusal(site) == ""


def test_the_refusal_says_file_reason_and_way_out_and_no_member(site: Site) -> None:
    quarantine(site)
    told = refusal(site)
    assert f"tellerline ingest --discard {NAME}" in told
    assert "corrected" in told
    shown = [told, *site.reports[-1].errors]
    assert "Nothing is planned or sent" in shown[1]
    for row in make_rows(FEED, 259):
        assert not [text for text in shown if row["member_number"] in text]


def test_each_run_tells_of_a_quarantined_consent_file_until_it_is_settled(site: Site) -> None:
    quarantine(site)
    assert len([text for text in site.reports[-1].errors if NAME in text]) == 1
    (told,) = site.run().errors
    assert told.startswith(f"{NAME}: is still quarantined (rejected_ratio): send it again")
    assert "Nothing is planned or sent" in told
    correct(site)
    assert site.reports[-1].errors == []
    assert site.run().errors == []


def test_files_of_other_days_lift_nothing(site: Site) -> None:
    site.put(FEED, make_file(FEED, 5, before(1)), before(1))
    quarantine(site)
    site.put(FEED, make_file(FEED, 5, NEXT), NEXT)
    site.run()
    assert BAD_TEXT in refusal(site)


def test_a_second_bad_file_of_the_name_lifts_nothing_and_a_good_one_lifts_both(site: Site) -> None:
    quarantine(site)
    site.put(FEED, bad_file().replace(b"fax", b"telex"))
    site.run()
    assert "in 1 more that are not loaded" in refusal(site)
    correct(site)
    assert refusal(site) == ""


@pytest.mark.parametrize("feed", sorted(set(NAMES) - {FEED}))
def test_files_of_other_feeds_hold_nothing(site: Site, feed: str) -> None:
    site.put(FEED, make_file(FEED, 5))
    site.put(feed, b"not what it should be")
    site.run()
    assert site.reports[-1].errors
    assert refusal(site) == ""


def test_a_copy_and_an_empty_file_hold_nothing(site: Site) -> None:
    site.put(FEED, make_file(FEED, 5))
    site.run()
    site.put(FEED, make_file(FEED, 5), NEXT)
    site.put(FEED, make_file(FEED, 0), before(1))
    report = site.run()
    assert report.feeds[FEED].files == {"duplicate": 1, "loaded": 1}
    assert refusal(site) == ""


def test_nothing_is_held_before_anything_arrived(site: Site) -> None:
    site.run()
    assert refusal(site) == ""
