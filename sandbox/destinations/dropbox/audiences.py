"""The audience of each segment, as the mail house holds it.

A full drop replaces the audience. A delta adds, updates and removes by key: adding someone who is
there and removing someone who is not change nothing more than they say, so that the same rows may
come twice; updating someone who is not there is refused for that row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.destinations.dropbox.data_files import Row
from sandbox.destinations.encoding import JsonObject

# What a spreadsheet runs, in plain and in full-width characters.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\uff1d", "\uff0b", "\uff0d", "\uff20")


@dataclass(slots=True)
class AudienceBook:
    """Columns and rows by key of each segment."""

    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    rows: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)

    def rejections(
        self, segment: str, form: str, rows: list[Row], *, refuse_formulas: bool
    ) -> dict[str, str]:
        """Return why rows are refused, by key."""
        held: Mapping[str, object] = self.rows.get(segment, {})
        rejected: dict[str, str] = {}
        for row in rows:
            if form == "delta" and row.operation == "update" and row.key not in held:
                rejected[row.key] = "UNKNOWN_KEY"
            elif refuse_formulas and any(cell.startswith(FORMULA_STARTS) for cell in row.cells):
                rejected[row.key] = "FORMULA"
        return rejected

    def apply(self, segment: str, form: str, columns: tuple[str, ...], rows: list[Row]) -> int:
        """Apply rows and return the audience's size."""
        self.columns[segment] = columns
        if form == "full":
            self.rows[segment] = {row.key: row.cells for row in rows}
        else:
            held = self.rows.setdefault(segment, {})
            for row in rows:
                if row.operation == "remove":
                    held.pop(row.key, None)
                else:
                    held[row.key] = row.cells
        return len(self.rows[segment])

    def shown(self) -> JsonObject:
        """Write every audience with its rows as objects."""
        return {
            segment: {
                "size": len(held),
                "rows": {
                    key: dict(zip(self.columns[segment], cells, strict=False))
                    for key, cells in held.items()
                },
            }
            for segment, held in self.rows.items()
        }
