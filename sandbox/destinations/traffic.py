"""What was asked of a simulator, in order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from sandbox.destinations.encoding import JsonObject


@dataclass(slots=True)
class RequestLog:
    """Every request with the hash of its body; the bodies themselves are not kept."""

    entries: list[tuple[str, str, str, str, int, bool]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(
        self,
        *,
        method: str,
        path: str,
        query: str,
        route: str,
        body_sha256: str,
        status: int,
        applied: bool,
    ) -> None:
        """Note one request.

        Args:
            method: HTTP method.
            path: Path as it was sent, without the query.
            query: Query string, without `?`.
            route: Path with its variable parts named, which the counts are kept by.
            body_sha256: SHA-256 of the body's bytes, in hex.
            status: Status that was answered; 0 when the connection was reset instead.
            applied: The request changed, or confirmed, what the simulator holds.
        """
        self.entries.append((method, path, query, body_sha256, status, applied))
        self.counts[f"{method} {route}"] += 1

    def clear(self) -> None:
        """Forget every request; numbering starts again at 1."""
        self.entries.clear()
        self.counts.clear()

    def shown(self, after: int = 0) -> JsonObject:
        """Return the counts by route and the requests numbered above `after`."""
        return {
            "total": len(self.entries),
            "counts": dict(sorted(self.counts.items())),
            "log": [
                {
                    "seq": number,
                    "method": method,
                    "path": path,
                    "query": query,
                    "body_sha256": body_sha256,
                    "status": status,
                    "applied": applied,
                }
                for number, (method, path, query, body_sha256, status, applied) in enumerate(
                    self.entries[after:], start=after + 1
                )
            ],
        }
