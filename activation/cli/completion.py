"""Names that the shell completes. It asks while somebody types: nothing is written or sent."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from activation.governance.register import read_register
from activation.governance.segments import SEGMENT_PREFIX
from activation.segments.template import SEGMENTS
from activation.workplace import read_settings
from tellerline.errors import TellerlineError
from tellerline.settings import Settings

Completion = Callable[[str], list[str]]


def _completing(names: Callable[[Settings], Iterable[str]]) -> Completion:
    def complete(incomplete: str) -> list[str]:
        try:
            found = sorted(names(read_settings()))
        except (OSError, TellerlineError):
            return []
        return [name for name in found if name.startswith(incomplete)]

    return complete


def _segments(settings: Settings) -> Iterable[str]:
    files = (settings.project / SEGMENTS).rglob(f"{SEGMENT_PREFIX}*.sql")
    return (path.stem.removeprefix(SEGMENT_PREFIX) for path in files)


def _destinations(settings: Settings) -> Iterable[str]:
    return read_register(settings.governance, os.environ).destinations


def _plans(settings: Settings) -> Iterable[str]:
    return (path.name for path in settings.plans.glob("*") if path.is_dir())


def _requests(settings: Settings) -> Iterable[str]:
    return (path.name for path in settings.approvals.glob("*") if path.is_dir())


def _runs(settings: Settings) -> Iterable[str]:
    return (path.name for path in settings.runs.glob("*") if path.is_dir())


complete_segment = _completing(_segments)
complete_destination = _completing(_destinations)
complete_plan = _completing(_plans)
complete_request = _completing(_requests)
complete_run = _completing(_runs)
complete_plan_or_request = _completing(lambda settings: [*_plans(settings), *_requests(settings)])
