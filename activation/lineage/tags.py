"""Law tags upstream of a relation, each with a path that leads to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from activation.lineage.dependencies import Dependencies, Upstream
from activation.lineage.indicators import INDICATORS, indicators_within
from activation.lineage.manifest import Kind
from activation.lineage.queries import Demand
from activation.lineage.slices import Read

ARROW = " ← "


class _Step(NamedTuple):
    """One column on the way, with what was wanted of its relation; no column stands for rows."""

    unique_id: str
    demand: Demand
    column: str | None
    note: str


_Origins = dict[tuple[str, Demand, str | None], _Step | None]


def find_tags(dependencies: Dependencies, upstream: Upstream) -> dict[str, str]:
    """Return every law tag on a column that is read anywhere upstream, with a path.

    A path runs from a wanted column of the relation to the tagged one, to the feed's own column
    where that carries the tag too, such as `seg_x.member_id ← dim_member_profile.age_band
    (condition) ← dim_members.birth_year ← raw.account_snapshot.birth_year [prohibited_basis]`;
    among such paths it is a shortest. A column in a condition counts as read, and so does every
    column that a query which cannot be resolved might read. An indicator that is read carries the
    tags of its line in the taxonomy.
    """
    root, demand = upstream.root
    first = [_Step(root, demand, column, "") for column in _wanted(dependencies, upstream)]
    came_from: _Origins = {_key(step): None for step in first}
    queue = deque(first)
    found: dict[str, str] = {}
    at_source: dict[str, str] = {}
    while queue:
        step = queue.popleft()
        is_source = dependencies.library.relation(step.unique_id).kind is Kind.SOURCE
        for tag, place in _tags_at(dependencies, step):
            for paths in (found, at_source) if is_source else (found,):
                if tag not in paths:
                    paths[tag] = f"{_path(dependencies, came_from, step)}{place} [{tag}]"
        for following in _following(upstream, step):
            if _key(following) not in came_from:
                came_from[_key(following)] = step
                queue.append(following)
    return dict(sorted((found | at_source).items()))


def _wanted(dependencies: Dependencies, upstream: Upstream) -> list[str]:
    root, demand = upstream.root
    return [name for name in dependencies.library.columns(root) if name in demand.columns]


def _tags_at(dependencies: Dependencies, step: _Step) -> Iterator[tuple[str, str]]:
    """Yield the tags that this place carries, each with what the path adds to say so."""
    relation = dependencies.library.relation(step.unique_id)
    for tag in relation.tags_of(step.column):
        yield tag, ""
    if relation.name == INDICATORS:
        stated = dependencies.indicator_tags
        for kli_id in indicators_within(step.demand):
            for tag in stated.get(kli_id, ()):
                yield tag, f" of {kli_id}"


def _following(upstream: Upstream, step: _Step) -> Iterator[_Step]:
    found = upstream.slices[step.unique_id, step.demand]
    values = found.value(step.column) if step.column is not None else frozenset[Read]()
    for reads, note in ((values, ""), (found.conditions, " (condition)")):
        for read in sorted(reads, key=_order):
            word = note if read.is_certain else " (unresolved)"
            yield _Step(read.unique_id, read.demand, read.column, word)
    # A relation of which only the rows count has conditions of its own.
    for unique_id, demand in sorted(found.tables, key=lambda item: (item[0], _text(item[1]))):
        if not demand.columns:
            yield _Step(unique_id, demand, None, " (condition)")


def _path(dependencies: Dependencies, came_from: _Origins, last: _Step) -> str:
    steps: list[_Step] = []
    step: _Step | None = last
    while step is not None:
        steps.append(step)
        step = came_from[_key(step)]
    return ARROW.join(
        f"{dependencies.library.relation(item.unique_id).name}.{item.column or 'rows'}{item.note}"
        for item in reversed(steps)
    )


def _key(step: _Step) -> tuple[str, Demand, str | None]:
    return step.unique_id, step.demand, step.column


def _order(read: Read) -> tuple[str, str, str]:
    return read.unique_id, read.column, _text(read.demand)


def _text(demand: Demand) -> str:
    return str(demand.document())
