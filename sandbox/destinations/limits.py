"""Rate limits: sliding windows, and a day that ends at midnight.

HubSpot counts per ten seconds and per day; search has a window of its own and no headers. Source:
HubSpot's usage guidelines.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

DAY_SECONDS = 86_400


class SlidingWindow:
    """At most `limit` requests in any `seconds` seconds."""

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit = limit
        self.seconds = seconds
        self._taken: deque[float] = deque()

    def admit(self, now: float) -> bool:
        """Take a place if one is free; a refused request takes none."""
        self._expire(now)
        if len(self._taken) >= self.limit:
            return False
        self._taken.append(now)
        return True

    def remaining(self, now: float) -> int:
        """Return how many requests are still free."""
        self._expire(now)
        return self.limit - len(self._taken)

    def _expire(self, now: float) -> None:
        taken = self._taken
        while taken and taken[0] <= now - self.seconds:
            taken.popleft()


class DailyQuota:
    """At most `limit` requests a day; the account's day ends at midnight UTC."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._day = -1
        self._used = 0

    def admit(self, now: float) -> bool:
        """Take one request of today's."""
        self._turn(now)
        if self._used >= self.limit:
            return False
        self._used += 1
        return True

    def remaining(self, now: float) -> int:
        """Return how many requests are left today."""
        self._turn(now)
        return self.limit - self._used

    def _turn(self, now: float) -> None:
        day = int(now // DAY_SECONDS)
        if day != self._day:
            self._day, self._used = day, 0


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a portal lets through.

    Attributes:
        enforced: False switches every limit off, and the headers with it.
        burst: Requests per ten seconds of a private app (Professional and Enterprise: 190).
        oauth_burst: Requests per ten seconds of an OAuth app.
        search: Search requests per second and account.
        daily: Requests per day and account.
    """

    enforced: bool = True
    burst: int = 190
    oauth_burst: int = 110
    search: int = 5
    daily: int = 625_000


class Throttle:
    """The limits of one portal with what has been used of them."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._burst = SlidingWindow(limits.burst, 10)
        self._oauth = SlidingWindow(limits.oauth_burst, 10)
        self._search = SlidingWindow(limits.search, 1)
        self._daily = DailyQuota(limits.daily)

    def refused_policy(self, now: float, *, is_oauth: bool, is_search: bool) -> str | None:
        """Admit one request, or name the policy that refuses it."""
        if not self.limits.enforced:
            return None
        if is_search:
            if not self._search.admit(now):
                return "SECONDLY"
        elif not (self._oauth if is_oauth else self._burst).admit(now):
            return "TEN_SECONDLY_ROLLING"
        return None if self._daily.admit(now) else "DAILY"

    def headers(self, now: float, *, is_oauth: bool, is_search: bool) -> list[tuple[bytes, bytes]]:
        """Return the rate headers: none on search, no daily pair for OAuth."""
        if not self.limits.enforced or is_search:
            return []
        window = self._oauth if is_oauth else self._burst
        headers = [
            (b"x-hubspot-ratelimit-max", b"%d" % window.limit),
            (b"x-hubspot-ratelimit-remaining", b"%d" % window.remaining(now)),
            (b"x-hubspot-ratelimit-interval-milliseconds", b"10000"),
        ]
        if not is_oauth:
            headers += [
                (b"x-hubspot-ratelimit-daily", b"%d" % self._daily.limit),
                (b"x-hubspot-ratelimit-daily-remaining", b"%d" % self._daily.remaining(now)),
            ]
        return headers
