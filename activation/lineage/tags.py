"""Law tags upstream of a relation, each with a path that leads to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping

from activation.lineage.dependencies import Dependencies, Place, Step, Upstream
from activation.lineage.indicators import INDICATORS, indicators_within
from activation.lineage.manifest import Kind

ARROW = " ← "


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
    first = [Step(root, demand, column, "") for column in _wanted(dependencies, upstream)]
    came_from: dict[Place, Step | None] = {step.place: None for step in first}
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
        for following in dependencies.steps(step.place):
            if following.place not in came_from:
                came_from[following.place] = step
                queue.append(following)
    return dict(sorted((found | at_source).items()))


def _wanted(dependencies: Dependencies, upstream: Upstream) -> list[str]:
    root, demand = upstream.root
    return [name for name in dependencies.library.columns(root) if name in demand.columns]


def _tags_at(dependencies: Dependencies, step: Step) -> Iterator[tuple[str, str]]:
    """Yield the tags that this place carries, each with what the path adds to say so."""
    relation = dependencies.library.relation(step.unique_id)
    for tag in relation.tags_of(step.column):
        yield tag, ""
    if relation.name == INDICATORS:
        stated = dependencies.indicator_tags
        for kli_id in indicators_within(step.demand):
            for tag in stated.get(kli_id, ()):
                yield tag, f" of {kli_id}"


def _path(dependencies: Dependencies, came_from: Mapping[Place, Step | None], last: Step) -> str:
    steps: list[Step] = []
    step: Step | None = last
    while step is not None:
        steps.append(step)
        step = came_from[step.place]
    return ARROW.join(
        f"{dependencies.library.relation(item.unique_id).name}.{item.column or 'rows'}{item.note}"
        for item in reversed(steps)
    )
