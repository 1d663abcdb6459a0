"""Law tags upstream of a relation, each with a path that leads to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from activation.lineage.dependencies import Dependencies, Place, Step, TaggedSteps, Upstream
from activation.lineage.indicators import KEY
from activation.lineage.manifest import Kind
from activation.lineage.namings import NO_NAMES, carried
from activation.lineage.uses import ANY_VALUE, Namings, Sought

ARROW = " ← "


def find_tags(dependencies: Dependencies, upstream: Upstream) -> Mapping[str, str]:
    """Return every law tag on a column that is read anywhere upstream, with a path.

    A path runs from a wanted column of the relation to the tagged one, to the feed's own column
    where that carries the tag too, such as `seg_x.member_id ← dim_member_profile.age_band
    (condition) ← dim_members.birth_year ← raw.account_snapshot.birth_year [prohibited_basis]`;
    among such paths it is a shortest. A column in a condition counts as read, and so does every
    column that a query which cannot be resolved might read. A value that the way keeps to, or with
    which a column is compared, carries its own tags, as in `seg_x.member_id ←
    fct_member_categories.category_id (condition) of childcare [prohibited_basis]`.
    """
    if upstream.root not in dependencies.tags:
        dependencies.tags[upstream.root] = _Search(dependencies, upstream).run()
    return dependencies.tags[upstream.root]


class _Search:
    """A walk from the wanted columns of a relation to all that they are made from."""

    def __init__(self, dependencies: Dependencies, upstream: Upstream) -> None:
        self._dependencies = dependencies
        root, demand = upstream.root
        self._first = [Step(root, demand, column, "") for column in _wanted(dependencies, upstream)]
        self._came_from: dict[Place, Step | None] = {step.place: None for step in self._first}
        # What readers on any way to a place compare with its value.
        self._named: dict[Place, Namings] = {}
        self._found: dict[str, str] = {}
        self._at_source: dict[str, str] = {}

    def run(self) -> dict[str, str]:
        for step in self._first:
            self._note(step, _tags_at(self._dependencies, step), None)
        queue = deque(self._first)
        while queue:
            step = queue.popleft()
            queue += (
                following
                for following, tags in _tagged_steps(self._dependencies, step.place)
                if self._reach(step, following, tags)
            )
        return dict(sorted((self._found | self._at_source).items()))

    def _reach(self, step: Step, following: Step, tags: Iterable[tuple[str, str]]) -> bool:
        """Note the tags of the next step; return whether there is more to find behind it."""
        # Also on a second way to a place: there it may be compared with something else.
        self._note(following, tags, step)
        handed_on = self._handed_on(step, following)
        if handed_on - following.named:
            self._note(following, _named_tags(self._dependencies, following, handed_on), step)
        place = following.place
        before = self._named.get(place, NO_NAMES)
        after = before | following.named | handed_on
        self._named[place] = after
        if place in self._came_from:
            return len(after) > len(before)
        self._came_from[place] = step
        return True

    def _handed_on(self, step: Step, following: Step) -> Namings:
        """Return what is compared with `step` and so with `following`, from which it is made.

        A value with tags of its own says by itself what it is.
        """
        if self._dependencies.keyed_tags.is_key(step.column):
            return NO_NAMES
        return carried(self._named.get(step.place, NO_NAMES), following.form)

    def _note(self, step: Step, tags: Iterable[tuple[str, str]], before: Step | None) -> None:
        relation = self._dependencies.library.relation(step.unique_id)
        is_source = relation.kind is Kind.SOURCE
        for tag, place in tags:
            for paths in (self._found, self._at_source) if is_source else (self._found,):
                if tag not in paths:
                    path = _path(self._dependencies, self._came_from, before, step)
                    paths[tag] = f"{path}{place} [{tag}]"


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
        texts = (Sought(value) for value in values if isinstance(value, str))
        for tag, value in keyed.within(column, texts):
            yield tag, f" of {name}{value}"
    yield from _named_tags(dependencies, step, step.named)


def _named_tags(
    dependencies: Dependencies, step: Step, named: Namings
) -> Iterator[tuple[str, str]]:
    """Yield the tags of the values of a place's column that `named` single out."""
    if dependencies.library.relation(step.unique_id).kind is Kind.SEED:
        return
    for texts in sorted(named, key=sorted):
        for tag, value in dependencies.keyed_tags.within(step.column or "", texts):
            yield tag, f" of {value}" if ANY_VALUE not in texts else f" of any value, as {value}"


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
