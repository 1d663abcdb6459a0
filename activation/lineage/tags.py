"""Law tags upstream of a relation, each with a path that leads to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from activation.lineage.dependencies import Dependencies, Place, Step, TaggedSteps, Upstream
from activation.lineage.indicators import KEY
from activation.lineage.manifest import Kind

ARROW = " ← "


def find_tags(dependencies: Dependencies, upstream: Upstream) -> dict[str, str]:
    """Return every law tag on a column that is read anywhere upstream, with a path.

    A path runs from a wanted column of the relation to the tagged one, to the feed's own column
    where that carries the tag too, such as `seg_x.member_id ← dim_member_profile.age_band
    (condition) ← dim_members.birth_year ← raw.account_snapshot.birth_year [prohibited_basis]`;
    among such paths it is a shortest. A column in a condition counts as read, and so does every
    column that a query which cannot be resolved might read. A value that the way keeps to, or with
    which a column is compared, carries its own tags, as in `seg_x.member_id ←
    fct_member_categories.category_id (condition) of childcare [prohibited_basis]`.
    """
    root, demand = upstream.root
    first = [Step(root, demand, column, "") for column in _wanted(dependencies, upstream)]
    came_from: dict[Place, Step | None] = {step.place: None for step in first}
    queue = deque(first)
    found: dict[str, str] = {}
    at_source: dict[str, str] = {}

    def note(step: Step, tags: Iterable[tuple[str, str]], before: Step | None) -> None:
        relation = dependencies.library.relation(step.unique_id)
        for tag, place in tags:
            for paths in (found, at_source) if relation.kind is Kind.SOURCE else (found,):
                if tag not in paths:
                    paths[tag] = f"{_path(dependencies, came_from, before, step)}{place} [{tag}]"

    for step in first:
        note(step, _tags_at(dependencies, step), None)
    while queue:
        step = queue.popleft()
        for following, tags in _tagged_steps(dependencies, step.place):
            if tags:
                # Also on a second way to a place: there it may be compared with something else.
                note(following, tags, step)
            if following.place not in came_from:
                came_from[following.place] = step
                queue.append(following)
    return dict(sorted((found | at_source).items()))


def _wanted(dependencies: Dependencies, upstream: Upstream) -> list[str]:
    root, demand = upstream.root
    return [name for name in dependencies.library.columns(root) if name in demand.columns]


def _tagged_steps(dependencies: Dependencies, place: Place) -> TaggedSteps:
    """Return the steps from a place, each with the tags that it meets; found once."""
    known = dependencies.tagged_steps
    if place not in known:
        known[place] = tuple(
            (step, tuple(_tags_at(dependencies, step))) for step in dependencies.steps(place)
        )
    return known[place]


def _tags_at(dependencies: Dependencies, step: Step) -> Iterator[tuple[str, str]]:
    """Yield the tags that this place carries, each with what the path adds to say so."""
    relation = dependencies.library.relation(step.unique_id)
    for tag in relation.tags_of(step.column):
        yield tag, ""
    if relation.kind is Kind.SEED:
        # Its rows are the project's own, and no member's.
        return
    keyed = dependencies.keyed_tags
    for column, values in sorted(step.demand.limits, key=lambda limit: limit[0]):
        # An indicator's id says by itself what it is.
        name = "" if column in {step.column, KEY} else f"{column} "
        for tag, value in keyed.within(column, values):
            yield tag, f" of {name}{value}"
    for texts in sorted(step.named, key=sorted):
        for tag, value in keyed.within(step.column or "", texts):
            yield tag, f" of {value}"


def _path(
    dependencies: Dependencies,
    came_from: Mapping[Place, Step | None],
    before: Step | None,
    last: Step,
) -> str:
    steps = [last]
    while before is not None:
        steps.append(before)
        before = came_from[before.place]
    return ARROW.join(
        f"{dependencies.library.relation(item.unique_id).name}.{item.column or 'rows'}{item.note}"
        for item in reversed(steps)
    )
