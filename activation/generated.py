"""Files that are written from the project and stand in git, and the check that holds them to it.

What dbt needs before it runs, or what a review should see move, cannot be made on the way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tellerline.durable import make_folder, replace_file
from tellerline.errors import ContractError


@dataclass(frozen=True, slots=True)
class GeneratedFiles:
    """What the generated files of one folder should hold.

    Args:
        folder: Where they stand, from the project folder.
        pattern: Which files of the folder are generated; no others of it belong there.
        contents: By path from the project folder.
        remedy: What to do when they are out of date.
    """

    folder: Path
    pattern: str
    contents: Mapping[Path, bytes] = field(repr=False)
    remedy: str

    def write(self, project: Path) -> list[str]:
        """Replace files that differ, remove those that do not belong, and return their paths."""
        make_folder(project / self.folder)
        stale = self._stale(project)
        for path in stale:
            replace_file(project / path, self.contents[path])
        foreign = self._foreign(project)
        for path in foreign:
            (project / path).unlink()
        return [path.as_posix() for path in (*stale, *foreign)]

    def check(self, project: Path) -> None:
        """Hold the files in the folder to what they should be.

        Raises:
            ContractError: They say something else; the error names the first line that differs.
        """
        for path in self._stale(project):
            problem = _difference(project / path, self.contents[path])
            raise ContractError(path.as_posix(), problem, self.remedy)
        for path in self._foreign(project):
            raise ContractError(path.as_posix(), "describes what is gone.", self.remedy)

    def lines(self) -> dict[str, int]:
        """Return how many lines each file has below its first, by path."""
        return {path.as_posix(): data.count(b"\n") - 1 for path, data in self.contents.items()}

    def _stale(self, project: Path) -> list[Path]:
        return [
            path
            for path, data in self.contents.items()
            if not (project / path).is_file() or (project / path).read_bytes() != data
        ]

    def _foreign(self, project: Path) -> list[Path]:
        found = sorted((project / self.folder).glob(self.pattern))
        return [path for full in found if (path := full.relative_to(project)) not in self.contents]


def _difference(path: Path, data: bytes) -> str:
    if not path.is_file():
        return "is missing."
    before = set(path.read_text(encoding="utf-8").splitlines())
    now = data.decode("utf-8").splitlines()
    new = [line for line in now if line not in before]
    gone = before - set(now)
    example = new[0] if new else min(gone, default="the order of lines")
    return (
        f"is not what the project says: {len(new)} lines are missing and {len(gone)} are too many, "
        f"such as {example}."
    )
