"""A new segment: its SQL, and the YAML beside it with every fact and a unit test to begin from.

What the template selects is narrow and holds as it stands, so that the project parses and the unit
test passes before the author writes a word. It goes nowhere until the author names a destination.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from string import Template

from activation.governance.segments import SEGMENT_PREFIX, Purpose
from activation.governance.words import FORBIDDEN_WORDS, find_sensitive_words
from tellerline.documents import read_yaml
from tellerline.durable import create_file
from tellerline.errors import ConfigurationError, UsageError
from tellerline.suggestions import known_names

SEGMENTS = Path("models") / "segments"
NAME = re.compile(r"[a-z]+(_[a-z]+)*")
# PostgreSQL and others cut longer names of tables off.
LONGEST_NAME = 63
GROUPS = Path("models") / "groups.yml"
TAXONOMY = Path("seeds") / "kli_taxonomy.csv"
SUPPRESSION = "suppression"
LIFETIME = timedelta(days=365)

_SQL = Template("""\
with

profile as (
    select * from {{ ref('dim_member_profile') }}
),

final as (
    select
        member_id,
        'Member for ' || cast(tenure_days as string) || ' days' as reason
    from profile
    where
        member_type = 'individual'
        and member_status = 'active'
        and not is_minor
        and tenure_days >= 365
)

select * from final
""")
_YAML = Template("""\
models:
  - name: $model
    description: |-
      Adults who joined at least 365 days ago.

      One row per member.

      {{ doc("$model") }}
    config:
      meta:
        grain: member
        segment:
          title: $title
          owner: $owner
          purpose: $purpose
          goal_kli: $goal_kli
          legal_basis: consent
          channels: [email]
          destinations: {}
          sensitivity: confidential
          credit_related: false
          holdout_ratio: $holdout_ratio
          frequency_cap: {maximum_touches: 2, window_days: 30}
          minimum_size: 20
          maximum_size: 100000
          expires_on: "$expires_on"
          version: "1.0.0"
    columns:
      - name: member_id
        data_type: varchar
        description: '{{ doc("member_id") }}'
        constraints: [{type: not_null}]
      - name: reason
        data_type: varchar
        description: '{{ doc("reason") }}'
        constraints: [{type: not_null}]
    data_tests:
      - holds:
          name: ${model}__holds
          arguments:
            key: [member_id]

unit_tests:
  - name: ${audience}_holds_at_its_thresholds
    model: $model
    description: >-
      At the threshold, below it, a business, a minor, and no longer active.
    given:
      - input: ref('dim_member_profile')
        format: csv
        rows: |
          member_id,member_type,member_status,is_minor,tenure_days
          at_365,individual,active,false,365
          at_364,individual,active,false,364
          business,business,active,false,900
          minor,individual,active,true,900
          closed,individual,closed,false,900
    expect:
      format: csv
      rows: |
        member_id,reason
        at_365,Member for 365 days
""")


@dataclass(frozen=True, slots=True)
class NewSegment:
    """A segment that was made from the template.

    Args:
        segment_id: Its id.
        files: Its SQL and its YAML.
    """

    segment_id: str
    files: tuple[Path, Path]


def make_segment(
    project: Path, goal: str, audience: str, *, owner: str, goal_kli: str, today: date
) -> NewSegment:
    """Write the two files of a new segment and return it.

    Args:
        project: The project folder.
        goal: What the segment is for: one of the folders below models/segments.
        audience: Whom it selects, in words joined by underscores.
        owner: The team that answers for it: the owner of a group of models/groups.yml.
        goal_kli: The indicator that counts as success.
        today: The day from which its expiry counts.

    Raises:
        UsageError: The goal, its indicator or the owner is not known, a name is not well formed or
            speaks of something sensitive, or the segment exists.
        ConfigurationError: The files that say what is known are missing or damaged.
    """
    _check_goal(project, goal)
    if not NAME.fullmatch(audience):
        raise UsageError(
            f"the audience {audience!r}",
            "is no name: lower-case words joined by single underscores, without digits.",
            "Give it one, such as checking_without_savings.",
        )
    _check_words(project, audience)
    _check_owner(project, owner)
    model = f"{SEGMENT_PREFIX}{goal}__{audience}"
    if len(model) > LONGEST_NAME:
        raise UsageError(
            model, f"has more than {LONGEST_NAME} characters.", "Give the audience a shorter name."
        )
    _check_goal_kli(project, goal_kli)
    folder = project / SEGMENTS / goal
    files = (folder / f"{model}.sql", folder / f"{model}.yml")
    existing = next(((project / SEGMENTS).rglob(f"{model}.*")), None)
    if existing is not None:
        raise UsageError(
            f"segment {goal}__{audience}",
            f"exists: {existing.relative_to(project)}.",
            "Choose another name, or change what is there.",
        )
    is_suppression = goal == SUPPRESSION
    words = {
        "model": model,
        "audience": audience,
        "title": audience.replace("_", " ").capitalize(),
        "owner": owner,
        "goal_kli": goal_kli,
        "purpose": Purpose.SUPPRESSION if is_suppression else Purpose.PRODUCT_MARKETING,
        "holdout_ratio": "0" if is_suppression else "0.1",
        "expires_on": (today + LIFETIME).isoformat(),
    }
    for path, template in zip(files, (_SQL, _YAML), strict=True):
        create_file(path, template.substitute(words).encode())
    return NewSegment(f"{goal}__{audience}", files)


def _check_goal(project: Path, goal: str) -> None:
    known = sorted(path.name for path in (project / SEGMENTS).glob("*") if path.is_dir())
    if goal not in known:
        raise UsageError(
            f"the goal {goal!r}",
            f"is not one of {', '.join(known) or 'none'}.",
            f"Correct it; a new goal is a new folder below {SEGMENTS}.",
        )


def _check_owner(project: Path, owner: str) -> None:
    owners = owners_of(project / GROUPS)
    if owner not in owners:
        raise UsageError(
            f"the owner {owner!r}",
            f"owns no group of {GROUPS}, so nobody answers for the segment.",
            f"{known_names(owner, owners)} A new team gets a group there.",
        )


def owners_of(path: Path) -> set[str]:
    """Return the teams that own a group of models.

    Args:
        path: The file of dbt's groups.

    Raises:
        ConfigurationError: It is missing, or names no owner of a group.
    """
    document = read_yaml(path)
    try:
        return {str(group["owner"]["name"]) for group in document["groups"]}
    except (KeyError, TypeError):
        raise ConfigurationError(
            str(path), "does not name the owner of each group.", "Correct the file."
        ) from None


def _check_goal_kli(project: Path, goal_kli: str) -> None:
    try:
        with (project / TAXONOMY).open(newline="", encoding="utf-8") as file:
            goals = {row["kli_id"] for row in csv.DictReader(file) if row["is_goal"] == "true"}
    except (FileNotFoundError, KeyError, UnicodeDecodeError, csv.Error):
        raise ConfigurationError(
            str(project / TAXONOMY),
            "is missing, or no CSV file with kli_id and is_goal.",
            f"`git checkout {TAXONOMY}` brings back the one that was committed.",
        ) from None
    if goal_kli not in goals:
        raise UsageError(
            f"the indicator {goal_kli!r}",
            "cannot be a goal.",
            f"{known_names(goal_kli, goals)} {TAXONOMY} says which may be one.".strip(),
        )


def _check_words(project: Path, audience: str) -> None:
    found = next(find_sensitive_words(project, audience), None)
    if found is not None:
        raise UsageError(
            f"the audience {audience!r}",
            f"speaks of {found.kind}: {found.word}.",
            f"No audience may rest on that; {FORBIDDEN_WORDS} holds every such word.",
        )
