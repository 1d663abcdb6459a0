"""What lineage could not see upstream of a segment, and so is refused.

Lineage and fingerprint are read from compiled queries. Whatever else may decide who is in an
audience, or what of them is sent, would show in no law tag and no fingerprint:

* A segment has no hook at all; for those of others see `surroundings`.
* Templates may ask the database while they are compiled, or follow the day. They may use the names
  of dbt's context that are listed here, and macros of the project, which are followed.
* What only later builds of an incremental model read is not in the compiled query of a full build.
  A segment is a table or a view. Upstream, later builds may name only columns and relations that
  the full query reads; tests hold what they make equal to a full build.
* A parameter counts by its name. Only the clock is one, and it reads nothing of any member.
* Values that a hook noted in the session are read on later builds alone, and by the model whose
  hook it is: days to make again, which the comparison of first and later builds leaves out.
* What remembers former builds, such as the history of memberships or a snapshot, carries what these
  rested on without saying so. No segment rests on it.
* Texts are looked for in what members paid for. From the layer `core` up, none speaks of what no
  audience may be told by, but in the model that withholds by such words.
* An ephemeral model stands within the queries of its readers, without what its YAML says of it.
"""

from __future__ import annotations

from collections.abc import Iterable

from activation.governance.words import WORD_SEED, WordList
from activation.lineage.dependencies import Dependencies, Upstream
from activation.lineage.increments import NOTED
from activation.lineage.manifest import INCREMENTAL, Kind, Project, Relation
from activation.lineage.surroundings import NOTING, Surroundings
from activation.lineage.templates import IS_INCREMENTAL, THIS, Template, Templates, allowed_parts
from activation.lineage.unresolved import texts_in
from tellerline.errors import ContractError

PARAMETERS = frozenset({"as_of"})
MEMBER_KEYS = frozenset({"member_id", "member_key", "account_id", "account_key", "person_id"})
EPHEMERAL = "ephemeral"
SPOKEN_LAYERS = frozenset({"core", "klis", "segments"})
# It withholds by such words, and by names and places in which they tell nothing.
WITHHOLDING = "dim_merchant_descriptors"
# Tests make manifests without it; dbt always says what it makes.
WHOLE = frozenset({"", "table", "view"})
SEGMENT_NAMES = frozenset({"ref", "config", "return", "adapter.dispatch"})
MODEL_NAMES = (
    SEGMENT_NAMES | allowed_parts() | {"source", "var", "exceptions", "local_md5", "tojson"}
)
LATER_NAMES = frozenset({IS_INCREMENTAL, THIS})


class Visibility:
    """Holds everything upstream of segments to what lineage can see; each relation once."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._dependencies = dependencies
        self._library = dependencies.library
        project = self._library.project
        self._templates = Templates(project.macros)
        self._surroundings = Surroundings(project, self._templates)
        self._checked: set[str] = set()
        self._forbidden = _forbidden_words(project)
        self._known_words = {
            word
            for relation in project.relations.values()
            for word in (*self._columns(relation), _word(relation))
        }

    def check_surroundings(self) -> None:
        """Refuse what could change members' data beside all queries.

        Raises:
            ContractError: A hook, operation or macro of the project is not one that is known.
        """
        self._surroundings.check()

    def check(self, segment: Relation, upstreams: Iterable[Upstream]) -> None:
        """Refuse what lineage cannot see of a segment, and of all that it rests on.

        Args:
            segment: The segment.
            upstreams: What its members, and the attributes that it sends, depend on.

        Raises:
            ContractError: Something upstream is out of sight; the error says what to do instead.
        """
        for upstream in upstreams:
            for unique_id in sorted({unique_id for unique_id, _ in upstream.slices}):
                relation = self._library.relation(unique_id)
                if relation.remembers:
                    raise _remembers(segment, relation, self._readers(upstream, unique_id))
                if unique_id not in self._checked:
                    self._check_relation(relation)
                    self._checked.add(unique_id)

    def _check_relation(self, relation: Relation) -> None:
        if relation.kind is Kind.SOURCE:
            return
        _check_options(relation)
        self._check_ephemeral(relation)
        if relation.kind is Kind.SEED:
            return
        if relation.kind is Kind.PARAMETER:
            self._check_parameter(relation)
        self._check_texts(relation)
        template = self._templates.read(relation.making.template, relation.path)
        _check_names(relation, template)
        self._check_notes(relation, template)
        if relation.kind is Kind.MODEL and relation.making.materialized == INCREMENTAL:
            self._check_later_builds(relation, template)

    def _check_ephemeral(self, reader: Relation) -> None:
        """Refuse models that dbt writes into the query of `reader`, where nobody sees them."""
        for unique_id in reader.upstream:
            found = self._library.project.relations.get(unique_id)
            if found is not None and found.making.materialized == EPHEMERAL:
                raise ContractError(
                    found.name,
                    f"is materialized as {EPHEMERAL}: it stands within the query of {reader.name}, "
                    "and the law tags that its YAML states are lost.",
                    f"Make it a table or a view in the configuration of {found.path}.",
                )

    def _check_texts(self, relation: Relation) -> None:
        if relation.layer not in SPOKEN_LAYERS or relation.name == WITHHOLDING:
            return
        for text in sorted(texts_in(relation.code or "")):
            found = next(self._forbidden.find(text), None)
            if found is not None:
                raise ContractError(
                    relation.name,
                    f"holds a text that speaks of {found.kind}: {found.word}. No audience may rest "
                    "on that.",
                    f"Take it out of {relation.path}.",
                )

    def _check_notes(self, relation: Relation, template: Template) -> None:
        """Refuse values of the session but for those that a hook of the model noted before."""
        if NOTED not in template.words:
            return
        hooks = {self._templates.called_alone(h, relation.path) for h in relation.making.hooks}
        if NOTED in template.first or NOTING not in hooks:
            raise ContractError(
                relation.name,
                f"reads a variable of the session that no `{NOTING}()` of its own has set for this "
                "build: what stands in it shows in no law tag and no fingerprint.",
                f"Name that macro in a pre-hook of {relation.path}, and read the variable on later "
                "builds alone, with `only_changed_days()`.",
            )

    def _check_later_builds(self, relation: Relation, template: Template) -> None:
        if template.strays:
            raise ContractError(
                relation.name,
                "uses is_incremental() in another way than as the whole of an `if`.",
                f"Write `{{% if is_incremental() %}}` in {relation.path}.",
            )
        hooks = [
            self._templates.read(hook, relation.path)
            for hook in relation.making.hooks
            if not self._surroundings.keeps_books(hook, relation)
        ]
        words = set(template.later).union(*(hook.words for hook in hooks))
        unseen = (words & self._known_words) - self._words_of(relation)
        if unseen:
            raise ContractError(
                relation.name,
                f"reads {', '.join(sorted(unseen))} in a hook or in what only later builds have: "
                "its query does not read that on a full build, so no law tag of it is known.",
                f"Leave it out in {relation.path}, or read it in the query. Names that only look "
                "like a column or model of the project need another name.",
            )

    def _words_of(self, relation: Relation) -> set[str]:
        """Return the names in the query of a full build, and the relations that it rests on."""
        words = set(self._library.words(relation.unique_id))
        words.update(self._library.columns(relation.unique_id))
        for unique_id, _ in self._dependencies.upstream(relation.unique_id).slices:
            found = self._library.relation(unique_id)
            words.add(_word(found))
            if found.kind is Kind.PARAMETER:
                words.update(self._columns(found))
        return words

    def _check_parameter(self, relation: Relation) -> None:
        if relation.name not in PARAMETERS:
            raise ContractError(
                relation.name,
                f"says that it is a parameter, but only {', '.join(sorted(PARAMETERS))} is one: "
                "of a parameter no logic counts.",
                f"Take `meta.parameter` out of {relation.path}'s YAML.",
            )
        upstream = self._dependencies.behind(relation.unique_id)
        for unique_id, demand in sorted(upstream.slices, key=lambda place: place[0]):
            found = self._library.relation(unique_id)
            tagged = sorted(name for name in demand.columns if found.tags_of(name))
            if unique_id != relation.unique_id and (
                tagged or MEMBER_KEYS & set(self._columns(found))
            ):
                raise ContractError(
                    relation.name,
                    f"is a parameter and reads {found.name}, which tells of members.",
                    f"Read nothing of members in {relation.path}.",
                )

    def _columns(self, relation: Relation) -> tuple[str, ...]:
        return relation.seed.columns if relation.seed is not None else tuple(relation.columns)

    def _readers(self, upstream: Upstream, unique_id: str) -> list[str]:
        return sorted(
            {
                self._library.relation(reader).name
                for (reader, _), found in upstream.slices.items()
                if any(unique_id == read for read, _ in found.tables)
            }
        )


def _check_options(relation: Relation) -> None:
    making = relation.making
    is_segment = relation.facts is not None
    if making.language != "sql":
        raise ContractError(
            relation.name,
            f"is written in {making.language}: lineage cannot see what it reads.",
            f"Write {relation.path} in SQL.",
        )
    if is_segment and making.hooks:
        raise ContractError(
            relation.name,
            "has a hook: what that does to the audience shows in no law tag and no fingerprint.",
            f"Say in the query of {relation.path} who is in, and take the hook out of its "
            "configuration and its YAML.",
        )
    if relation.kind is Kind.SNAPSHOT:
        raise ContractError(
            relation.name,
            "is a snapshot: it remembers what its rows rested on in former builds, and no law tag "
            "or fingerprint of that is known.",
            f"Select by what holds today, and not by {relation.path}.",
        )
    is_model = relation.kind is Kind.MODEL
    if is_model and making.materialized not in (WHOLE if is_segment else WHOLE | {INCREMENTAL}):
        raise ContractError(
            relation.name,
            f"is materialized as {making.materialized}: what later builds do to its rows shows in "
            "no law tag and no fingerprint.",
            f"Make it a table or a view in the configuration of {relation.path}.",
        )


def _check_names(relation: Relation, template: Template) -> None:
    if relation.facts is not None:
        allowed = SEGMENT_NAMES
    elif relation.making.materialized == INCREMENTAL:
        allowed = MODEL_NAMES | LATER_NAMES
    else:
        allowed = MODEL_NAMES
    unseen = sorted(template.names - allowed)
    if unseen:
        raise ContractError(
            relation.name,
            f"uses {', '.join(unseen)} in its template: its SQL may then depend on data or on the "
            "build, which shows in no law tag and no fingerprint.",
            f"Say it in SQL in {relation.path}. Its template may use macros of the project and "
            f"{', '.join(sorted(allowed))}.",
        )


def _remembers(segment: Relation, found: Relation, readers: Iterable[str]) -> ContractError:
    return ContractError(
        f"segment {segment.segment_id}",
        f"rests on {found.name} by way of {', '.join(readers)}: that remembers {found.remembers}, "
        "and not what it rested on, so no law tag of it is known.",
        "Select by what holds today, from the profile and indicators.",
    )


def _forbidden_words(project: Project) -> WordList:
    """Return the words that no audience may speak of, as the project's seed has them."""
    for relation in project.relations.values():
        if relation.name == WORD_SEED and relation.seed is not None:
            return WordList(relation.seed.records())
    return WordList(())


def _word(relation: Relation) -> str:
    return relation.name.rpartition(".")[2].lower()
