"""Telling a simulator to misbehave.

A rule names the requests that it strikes and what happens to them. Requests are HTTP calls (their
method and path) or, for the mail house, picked-up drops (method `DROP`, path `/<drop name>`).
Counting is a rule's own: `nth` is the nth request that this rule matched.

| effect | what the client sees |
| --- | --- |
| `drop_before_apply` | the connection is reset, nothing was applied (a drop: never picked up) |
| `drop_after_apply` | the request was applied, then the connection is reset (a drop: no ack) |
| `delay` | the answer comes `seconds` late |
| `http_429` | rate limit; `retry_after` as given or no such header; `policy` names the limit |
| `http_500`, `http_503`, `http_status` | an error of the platform, nothing applied; `status` |
| `body_200_with_errors` | 200, status COMPLETE, no results, an error; nothing applied |
| `html_200`, `empty_200`, `gzip_bomb` | 200 that is not the answer; applied only if `applied` |
| `truncated_json` | applied; the answer is cut in the middle |
| `shuffled_results` | `results` in another order, by `seed` |
| `partial_reject` | the chosen inputs are refused, the others applied |
| `silently_drop_rows` | the chosen inputs are answered as done and not applied |
| `token_expired` | 401, and an OAuth token stays expired |
| `redirect` | 307 to `location` |
| `list_size_lag` | `list.size` lags `seconds` for the lists that the request touches |

`partial_reject` and `silently_drop_rows` choose by `ids` (the input's id, e-mail or file key), by
`first` n, or by `every` nth.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from sandbox.destinations.encoding import JsonObject
from sandbox.destinations.errors import SandboxError

EffectName = Literal[
    "drop_before_apply",
    "drop_after_apply",
    "delay",
    "http_429",
    "http_500",
    "http_503",
    "http_status",
    "body_200_with_errors",
    "html_200",
    "empty_200",
    "gzip_bomb",
    "truncated_json",
    "shuffled_results",
    "partial_reject",
    "silently_drop_rows",
    "token_expired",
    "redirect",
    "list_size_lag",
]
STATUSES = {"http_429": 429, "http_500": 500, "http_503": 503}
FAILURES = frozenset({"http_status", *STATUSES})
DISGUISES = frozenset(
    {"body_200_with_errors", "html_200", "empty_200", "gzip_bomb", "truncated_json"}
)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which inputs of a request a fault strikes."""

    ids: frozenset[str] = frozenset()
    first: int = 0
    every: int = 0

    def chosen(self, keys: Sequence[str]) -> frozenset[int]:
        """Return the positions in `keys` that are struck."""
        return frozenset(
            position
            for position, key in enumerate(keys)
            if key in self.ids
            or position < self.first
            or (self.every and position % self.every == self.every - 1)
        )


class FaultRule(BaseModel):
    """One way to misbehave, and when."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    effect: EffectName
    method: str = "*"
    path: str = ""
    nth: int | tuple[int, ...] | None = None
    after: int = Field(default=0, ge=0)
    times: int | None = Field(default=None, ge=1)
    probability: float = Field(default=1.0, ge=0, le=1)
    seed: int = 0
    seconds: float = Field(default=0.0, ge=0)
    status: int = Field(default=500, ge=300, le=599)
    retry_after: str | int | None = None
    policy: Literal["SECONDLY", "TEN_SECONDLY_ROLLING", "DAILY"] = "TEN_SECONDLY_ROLLING"
    ids: frozenset[str] = frozenset()
    first: int = Field(default=0, ge=0)
    every: int = Field(default=0, ge=0)
    location: str = "http://127.0.0.1:9/elsewhere"
    applied: bool = False
    megabytes: int = Field(default=64, ge=1, le=1024)

    @property
    def selection(self) -> Selection:
        """Return which inputs of a request the rule strikes."""
        return Selection(self.ids, self.first, self.every)

    @field_validator("path")
    @classmethod
    def _check_pattern(cls, value: str) -> str:
        re.compile(value)
        return value


@dataclass(frozen=True, slots=True)
class Effects:
    """Everything that happens to one request."""

    reset_before: bool = False
    reset_after: bool = False
    delay: float = 0.0
    failure: FaultRule | None = None
    disguise: FaultRule | None = None
    redirect: str | None = None
    token_expired: bool = False
    shuffle_seed: int | None = None
    reject: Selection | None = None
    drop: Selection | None = None
    size_lag: float | None = None


NO_EFFECTS = Effects()


@dataclass(slots=True)
class _Armed:
    rule: FaultRule
    pattern: re.Pattern[str]
    chance: random.Random
    matched: int = 0
    fired: int = 0

    def strikes(self, method: str, path: str) -> bool:
        rule = self.rule
        if rule.method not in ("*", method) or self.pattern.search(path) is None:
            return False
        self.matched += 1
        if self.matched <= rule.after or (rule.times is not None and self.fired >= rule.times):
            return False
        if rule.nth is not None:
            wanted = (rule.nth,) if isinstance(rule.nth, int) else rule.nth
            if self.matched not in wanted:
                return False
        if rule.probability < 1 and self.chance.random() >= rule.probability:
            return False
        self.fired += 1
        return True


@dataclass(slots=True)
class FaultBook:
    """The rules in force, in the order in which they were given."""

    armed: list[_Armed] = field(default_factory=list)

    def add(self, documents: object) -> None:
        """Arm the rules of a JSON list.

        Raises:
            SandboxError: A rule is not of the form above; none of the list is armed.
        """
        if not isinstance(documents, list):
            msg = "Faults are a JSON list of rules."
            raise SandboxError(msg)
        try:
            rules = [FaultRule.model_validate(document) for document in documents]
        except (ValidationError, re.error) as error:
            msg = f"Unusable fault rule: {error}"
            raise SandboxError(msg) from error
        self.armed += [
            _Armed(rule, re.compile(rule.path), random.Random(rule.seed)) for rule in rules
        ]

    def clear(self) -> None:
        """Behave again."""
        self.armed.clear()

    def shown(self) -> list[JsonObject]:
        """Return the rules with how often each matched and struck."""
        return [
            {
                **armed.rule.model_dump(mode="json", exclude_defaults=True),
                "matched": armed.matched,
                "fired": armed.fired,
            }
            for armed in self.armed
        ]

    def effects_for(self, method: str, path: str) -> Effects:
        """Count one request against every rule and return what happens to it."""
        if not self.armed:
            return NO_EFFECTS
        effects = NO_EFFECTS
        for armed in self.armed:
            if armed.strikes(method, path):
                effects = CHANGES[armed.rule.effect](effects, armed.rule)
        return effects


CHANGES: dict[str, Callable[[Effects, FaultRule], Effects]] = {
    "drop_before_apply": lambda effects, _: replace(effects, reset_before=True),
    "drop_after_apply": lambda effects, _: replace(effects, reset_after=True),
    "delay": lambda effects, rule: replace(effects, delay=effects.delay + rule.seconds),
    "token_expired": lambda effects, _: replace(effects, token_expired=True),
    "redirect": lambda effects, rule: replace(effects, redirect=rule.location),
    "shuffled_results": lambda effects, rule: replace(effects, shuffle_seed=rule.seed),
    "partial_reject": lambda effects, rule: replace(effects, reject=rule.selection),
    "silently_drop_rows": lambda effects, rule: replace(effects, drop=rule.selection),
    "list_size_lag": lambda effects, rule: replace(effects, size_lag=rule.seconds),
    **dict.fromkeys(DISGUISES, lambda effects, rule: replace(effects, disguise=rule)),
    **dict.fromkeys(FAILURES, lambda effects, rule: replace(effects, failure=rule)),
}
