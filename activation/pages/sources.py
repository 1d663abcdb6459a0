"""What the pages are made of, read from the project's files: seeds, YAML, the register."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from activation.artefacts import PROJECT_FILE
from activation.governance.register import Register
from activation.governance.segments import SEGMENT_PREFIX, SegmentFacts
from tellerline.documents import check_document, read_yaml
from tellerline.errors import ContractError

SEEDS = Path("seeds")
BAR = "|"
PROFILE = "dim_member_profile"
ATTRIBUTES = "attributes"


@dataclass(frozen=True, slots=True)
class Indicator:
    """A line of the taxonomy with what lineage knows of it.

    Args:
        kli_id: Its id.
        family: The id of its family.
        parent: The id of the one above it; empty for a family.
        title: Its name for people.
        meaning: What it means, with its thresholds.
        sensitivity: How much harm a leak would do.
        is_leaf: Whether members have it; others only group.
        is_goal: Whether it can be the goal of a campaign.
        law_tags: Those that its line states and those that it inherits.
        segments: The ids of the segments that read it.
    """

    kli_id: str
    family: str
    parent: str
    title: str
    meaning: str
    sensitivity: str
    is_leaf: bool
    is_goal: bool
    law_tags: tuple[str, ...]
    segments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """A model as its YAML describes it.

    Args:
        name: Its name.
        folder: Its folder below models/<layer>; empty when it stands in the layer itself.
        says: The first paragraph of its description, in one line.
        meta: Its `config.meta`.
        columns: Law tags that its YAML states, by column.
    """

    name: str
    folder: str
    says: str
    meta: Mapping[str, Any]
    columns: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Audience:
    """A segment as its YAML describes it, with what lineage knows of it.

    Args:
        model: Its model.
        facts: What governs it.
        law_tags: Those upstream of its members, or of an attribute that goes with them.
        indicators: The ids of those that it reads.
        profile: The columns of the profile that it reads.
    """

    model: Model
    facts: SegmentFacts
    law_tags: tuple[str, ...]
    indicators: tuple[str, ...]
    profile: tuple[str, ...]

    @property
    def goal(self) -> str:
        """What it is for: its folder."""
        return self.model.folder


@dataclass(frozen=True, slots=True)
class Score:
    """A score as its definition says it, with what was measured of it.

    Args:
        facts: Its line of the definitions.
        measured: Lines of the measurements by measure; those by decile are left out.
    """

    facts: Mapping[str, str]
    measured: Mapping[str, Mapping[str, str]]


class Sources:
    """The files of one project.

    Args:
        project: The project folder.
        register: The register of destinations.

    Every property raises ContractError or ConfigurationError when a file does not say what it
    should.
    """

    def __init__(self, project: Path, register: Register) -> None:
        self._project = project
        self.register = register

    @cached_property
    def indicators(self) -> Mapping[str, Indicator]:
        """Every line of the taxonomy by id, in its order."""
        known = {row["kli_id"]: row for row in self._column_facts if row["kli_id"]}
        return {
            row["kli_id"]: _indicator(row, known.get(row["kli_id"], {}))
            for row in self._seed(
                "kli_taxonomy", "kli_id", "family", "parent", "title", "description", "sensitivity",
                "is_leaf", "is_goal", "law_tags",
            )
        }  # fmt: skip

    @cached_property
    def rules(self) -> Mapping[str, Mapping[str, str]]:
        """Every rule line by the id of its indicator, in its order."""
        rows = self._seed(
            "kli_rules", "kli_id", "match_on", "match_values", "direction", "member_type"
        )
        return {row["kli_id"]: row for row in rows}

    @cached_property
    def scores(self) -> tuple[Score, ...]:
        """Every score with what was measured of its version."""
        measured = {
            (row["score_id"], row["version"], row["measure"]): row
            for row in self._seed(
                "scores/score_measurements", "score_id", "version", "measure", "decile",
                "measured_value", "measured_on",
            )
            if not row["decile"]
        }  # fmt: skip
        return tuple(
            Score(
                facts=row,
                measured={
                    measure: found
                    for (score_id, version, measure), found in measured.items()
                    if (score_id, version) == (row["score_id"], row["version"])
                },
            )
            for row in self._seed(
                "scores/score_definitions", "score_id", "version", "title", "purpose", "population",
                "outcome", "indicator", "floor_measure", "floor_value", "maximum_psi", "owner",
                "review_date", "limits",
            )
        )  # fmt: skip

    @cached_property
    def law_tags(self) -> Mapping[str, Mapping[str, str]]:
        """What each law tag means."""
        rows = self._seed("governance/law_tags", "law_tag", "title", "meaning", "citation")
        return {row["law_tag"]: row for row in rows}

    @cached_property
    def assigned(self) -> tuple[tuple[Model, tuple[str, ...]], ...]:
        """Which indicators each model assigns; the model of rule lines names their seed."""
        return tuple(
            (model, tuple(self.rules) if isinstance(klis, str) else tuple(map(str, klis)))
            for model in self._models
            if (klis := model.meta.get("klis"))
        )

    @cached_property
    def audiences(self) -> tuple[Audience, ...]:
        """Every segment, by id."""
        return tuple(
            self._audience(model)
            for model in self._models
            if model.name.startswith(SEGMENT_PREFIX) and "segment" in model.meta
        )

    def _audience(self, model: Model) -> Audience:
        facts = check_document(model.meta["segment"], SegmentFacts, f"{model.name}: meta.segment")
        segment_id = model.name.removeprefix(SEGMENT_PREFIX)
        sent = {name for names in facts.destinations.values() for name in names}
        stated = {tag for item in self._attributes for name in sent for tag in item.get(name, ())}
        inherited = {
            tag
            for row in self._column_facts
            if row["relation_name"] == model.name
            or (row["relation_name"] in self._attribute_models and row["column_name"] in sent)
            for tag in _parts(row["inherited_law_tags"])
        }
        read = [row for row in self._column_facts if segment_id in _parts(row["segments"])]
        return Audience(
            model=model,
            facts=facts,
            law_tags=tuple(sorted({*self._tags_of_segments, *stated, *inherited})),
            indicators=tuple(row["kli_id"] for row in read if row["kli_id"]),
            profile=tuple(
                row["column_name"]
                for row in read
                if row["relation_name"] == PROFILE and row["column_name"] != "member_id"
            ),
        )

    @cached_property
    def _models(self) -> tuple[Model, ...]:
        found: list[Model] = []
        # A model's YAML is called like the model; files with an underscore describe sources.
        for path in (self._project / "models").rglob("[!_]*.yml"):
            document = read_yaml(path)
            entries = document.get("models") if isinstance(document, dict) else None
            found += [_model(path, self._project, entry) for entry in entries or ()]
        return tuple(sorted(found, key=lambda model: model.name))

    @cached_property
    def _attributes(self) -> tuple[Mapping[str, tuple[str, ...]], ...]:
        """The law tags of what may leave with members."""
        return tuple(m.columns for m in self._models if m.name in self._attribute_models)

    @cached_property
    def _attribute_models(self) -> frozenset[str]:
        return frozenset(m.name for m in self._models if m.meta.get("publish") == ATTRIBUTES)

    @cached_property
    def _tags_of_segments(self) -> tuple[str, ...]:
        """What dbt_project.yml states for every segment."""
        place: Any = read_yaml(self._project / PROJECT_FILE)
        for key in ("models", "tellerline", "segments", "+meta", "law_tags"):
            place = place.get(key) if isinstance(place, dict) else None
        return tuple(map(str, place or ()))

    @cached_property
    def _column_facts(self) -> list[dict[str, str]]:
        return list(
            self._seed(
                "dictionary/column_facts", "relation_name", "column_name", "kli_id",
                "inherited_law_tags", "segments",
            )
        )  # fmt: skip

    def _seed(self, name: str, *columns: str) -> Iterator[dict[str, str]]:
        path = SEEDS / f"{name}.csv"
        try:
            with (self._project / path).open(newline="", encoding="utf-8") as file:
                reader = csv.DictReader(file, restval="")
                absent = set(columns) - set(reader.fieldnames or ())
                if absent:
                    names = ", ".join(sorted(absent))
                    raise ContractError(str(path), f"lacks {names}.", "Write its header again.")
                yield from reader
        except (OSError, UnicodeDecodeError):
            problem = "is missing or not UTF-8."
            raise ContractError(str(path), problem, "Restore the seed's file.") from None


def _indicator(row: Mapping[str, str], known: Mapping[str, str]) -> Indicator:
    return Indicator(
        kli_id=row["kli_id"],
        family=row["family"],
        parent=row["parent"],
        title=row["title"],
        meaning=row["description"],
        sensitivity=row["sensitivity"],
        is_leaf=row["is_leaf"] == "true",
        is_goal=row["is_goal"] == "true",
        law_tags=(*_parts(row["law_tags"]), *_parts(known.get("inherited_law_tags", ""))),
        segments=_parts(known.get("segments", "")),
    )


def _model(path: Path, project: Path, entry: Mapping[str, Any]) -> Model:
    below = path.relative_to(project / "models").parts[1:-1]
    return Model(
        name=str(entry.get("name", "")),
        folder="/".join(below),
        says=" ".join(str(entry.get("description", "")).split("\n\n")[0].split()),
        meta=(entry.get("config") or {}).get("meta") or {},
        columns={
            str(column.get("name", "")): tuple(
                map(str, ((column.get("config") or {}).get("meta") or {}).get("law_tags") or ())
            )
            for column in entry.get("columns") or ()
        },
    )


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(BAR) if part)
