"""What the command shows when a measurement does not come to its end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import typer
from typer.testing import CliRunner

from benchmarks import __main__ as command
from benchmarks.figure import Figure
from tellerline.errors import RunStoppedError


def breaks_off(_members: int) -> Iterator[Figure]:
    yield Figure("first part", 2.0, "s", 1.0, 2.0, "at most twice", True)
    raise RunStoppedError("second part", "ran out of memory.", "Free some.")


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_what_was_measured_is_shown_when_a_later_part_breaks_off(
    monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    monkeypatch.setitem(command.BENCHMARKS, "breaking", breaks_off)
    app = typer.Typer()
    app.command()(command.main)
    result = CliRunner().invoke(app, ["breaking", *options])
    assert result.exit_code == 2
    assert "first part" in result.stdout
    assert "ran out of memory" in result.stderr
    assert "Traceback" not in result.output
