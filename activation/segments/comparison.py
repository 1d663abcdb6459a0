"""What a change of the project does to every audience, on the same data.

What it cannot see: rows that differ because the warehouse was built by a third revision or on
another day (`dbt build` first), changes of ingestion, which shape raw rows before dbt reads them,
and what a later plan leaves out beside consent and suppression. Reach counts consents and
suppressions as the warehouse has them, not the live consent of the moment of sending. The copy
of the warehouse needs as much free space as the warehouse, for as long as the command runs.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from activation.segments.audiences import BASE, HEAD, AudienceDifference, Audiences
from activation.segments.changes import find_changes, find_stale
from activation.segments.revisions import WORKING_TREE, find_commit, working_copy
from tellerline.settings import Settings


def compare_audiences(
    settings: Settings,
    base: str,
    head: str | None,
    *,
    with_members: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> list[AudienceDifference]:
    """Return what changes between two revisions for every segment of either, by segment id.

    Args:
        settings: Where the project and its warehouse are.
        base: The revision before.
        head: The revision after; None for the working tree.
        with_members: Whether to name members by their pseudonyms.
        progress: Called with each step before it begins.

    Raises:
        UsageError: git knows no such revision.
        RunStoppedError: There is no warehouse, or dbt cannot compile or build a revision on it.
        ConflictError: Another process holds the warehouse.
    """
    for name in filter(None, (base, head)):
        find_commit(settings.project, name)
    progress("Copying the warehouse")
    with (
        working_copy(settings) as bench,
        closing(Audiences(bench.folder, bench.warehouse)) as audiences,
    ):
        progress(f"Compiling {base} and {head or WORKING_TREE}")
        with ThreadPoolExecutor(max_workers=2) as pool:
            before, after = pool.map(bench.compile, (BASE, HEAD), (base, head))
        changes = find_changes(before, after)
        moved = [item.segment_id for item in changes if item.moves_members]
        for side, revision, other in ((BASE, before, after), (HEAD, after, before)):
            stale = find_stale(revision, other, changes, audiences.present())
            progress(f"Building {len(stale)} relations of {revision.label}")
            bench.build(revision, stale)
            # Before the other side builds over it.
            audiences.read(side, revision, [s for s in moved if s in revision.lineages])
        still = [item.segment_id for item in changes if not item.moves_members]
        audiences.read(BASE, before, still)
        audiences.read(HEAD, after, still)
        return [audiences.compare(item, with_members=with_members) for item in changes]
