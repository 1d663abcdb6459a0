"""The demo's folders and environment: everything below `.demo/`, nothing outside."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the demo plays.

    Args:
        folder: All of it; `.demo` in the checkout.
    """

    folder: Path

    @property
    def state(self) -> Path:
        """TELLERLINE_HOME."""
        return self.folder / "state"

    @property
    def landing(self) -> Path:
        """Where the simulated feeds arrive."""
        return self.folder / "landing"

    @property
    def governance(self) -> Path:
        """People, signers, register, packs and approvals of the demo."""
        return self.folder / "governance"

    @property
    def keys(self) -> Path:
        """The two people's OpenSSH keys."""
        return self.folder / "keys"

    @property
    def mailhouse(self) -> Path:
        """The mail house's drop folder."""
        return self.folder / "mailhouse"

    @property
    def sandbox(self) -> Path:
        """What the simulated destinations hold."""
        return self.folder / "sandbox"

    @property
    def dagster(self) -> Path:
        """DAGSTER_HOME: `dagster dev` shows the demo's runs from here."""
        return self.folder / "dagster"

    @property
    def summary(self) -> Path:
        """The summary."""
        return self.folder / "summary.json"

    def environment(self, base_url: str = "", token: str = "") -> dict[str, str]:
        """Return the environment in which every part of the demo runs.

        A base URL that the environment names already wins: a checking proxy may stand between.
        """
        chosen = {
            "TELLERLINE_HOME": str(self.state),
            "TELLERLINE_LANDING": str(self.landing),
            "TELLERLINE_GOVERNANCE": str(self.governance),
            "TELLERLINE_PROJECT": str(PROJECT),
            "TELLERLINE_HUBSPOT_TOKEN": token,
            "TELLERLINE_MAILHOUSE_BASE_URL": self.mailhouse.as_uri(),
            "DAGSTER_HOME": str(self.dagster),
        }
        given = os.environ.get("TELLERLINE_HUBSPOT_BASE_URL", "")
        return {**chosen, "TELLERLINE_HUBSPOT_BASE_URL": given or base_url}
