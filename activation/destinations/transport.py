"""HTTP to a destination: one pooled session, no redirects, no proxies, bounded answers.

What an answer means for the rows is the destination's to read; what it means for the call is read
here: come back later, give the batch up, or fix the credentials.
"""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from activation.destinations.declaration import Limits
from tellerline.canonical import parse_json
from tellerline.errors import (
    BatchRejectedError,
    ConfigurationError,
    CredentialsError,
    IntegrityError,
    RetryableError,
    RunStoppedError,
)

CONNECT_SECONDS = 5
READ_SECONDS = 60
MAXIMUM_ANSWER_BYTES = 16 * 1024 * 1024
MAXIMUM_PAUSE_SECONDS = 900.0
# Whoever waits looks up this often.
LOOK_SECONDS = 0.25
OK, REDIRECT, BAD_REQUEST, SERVER_ERROR = 200, 300, 400, 500
UNAUTHORIZED, FORBIDDEN, TIMEOUT, LOCKED, TOO_MANY, MIGRATING = 401, 403, 408, 423, 429, 477


class RateLimit:
    """At most so many calls in any period, and none while the destination asked for a pause."""

    def __init__(self, limits: Limits, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._calls: deque[float] = deque()
        self._resume_at = 0.0
        self._condition = threading.Condition()

    def admit(self, is_over: Callable[[], bool] = lambda: False) -> bool:
        """Wait until one more call may leave; return False if `is_over` says so meanwhile."""
        with self._condition:
            while (seconds := self._seconds_to_wait()) > 0:
                if is_over():
                    return False
                self._condition.wait(min(seconds, LOOK_SECONDS))
            self._calls.append(self._monotonic())
            return True

    def pause(self, seconds: float) -> None:
        """Let nobody call for so many seconds; the destination's word wins over ours."""
        with self._condition:
            bounded = min(max(seconds, 0.0), MAXIMUM_PAUSE_SECONDS)
            self._resume_at = max(self._resume_at, self._monotonic() + bounded)

    def _seconds_to_wait(self) -> float:
        now = self._monotonic()
        while self._calls and now - self._calls[0] >= self._limits.period_seconds:
            self._calls.popleft()
        seconds = self._resume_at - now
        if len(self._calls) >= self._limits.requests_per_period:
            seconds = max(seconds, self._calls[0] + self._limits.period_seconds - now)
        return seconds


@dataclass(frozen=True, slots=True)
class Reply:
    """A successful answer."""

    status: int
    document: Any


class Transport:
    """Calls to one base URL.

    Args:
        name: The destination, for errors.
        base_url: https, or http to this machine alone.
        headers: Sent with every call, credentials included.
        limits: What the destination takes.
    """

    def __init__(
        self, name: str, base_url: str, headers: Mapping[str, str], limits: Limits
    ) -> None:
        _check_url(name, base_url)
        self._name = name
        self._base_url = base_url.rstrip("/")
        self.limits = limits
        self._rate = RateLimit(limits)
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.update(headers)
        # Retries are the engine's: it must know of every attempt.
        adapter = HTTPAdapter(
            pool_maxsize=limits.concurrency, pool_connections=1, max_retries=Retry(0, redirect=0)
        )
        self._session.mount(self._base_url, adapter)

    def admit(self, is_over: Callable[[], bool]) -> bool:
        """Wait until one more call may leave; return False if `is_over` says so meanwhile."""
        return self._rate.admit(is_over)

    def call(
        self, method: str, path: str, payload: bytes | None = None, *, is_admitted: bool = False
    ) -> Reply:
        """Make one call and return its JSON answer, None for an empty one.

        Args:
            method: The HTTP method.
            path: What follows the base URL.
            payload: A JSON body.
            is_admitted: Whether `admit` was asked already.

        Raises:
            RetryableError: A passing fault.
            BatchRejectedError: The call is refused for what it says (4xx).
            CredentialsError: 401 or 403.
            RunStoppedError: A redirect.
        """
        if not is_admitted:
            self._rate.admit()
        subject = f"{self._name} {method} {path}"
        headers = {"Content-Type": "application/json"} if payload is not None else {}
        try:
            with self._session.request(
                method,
                self._base_url + path,
                data=payload,
                headers=headers,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
                stream=True,
            ) as response:
                body = _read_bounded(response)
        except (requests.ConnectTimeout, requests.exceptions.SSLError) as error:
            raise _unreachable(subject, error, unknown=False) from None
        except requests.RequestException as error:
            raise _unreachable(subject, error, unknown=not _never_connected(error)) from None
        self._check_status(subject, response, body)
        return Reply(response.status_code, _parse(subject, body))

    def close(self) -> None:
        """Close every connection."""
        self._session.close()

    def _check_status(self, subject: str, response: requests.Response, body: bytes) -> None:
        status = response.status_code
        if OK <= status < REDIRECT:
            return
        problem = f"answered {status}."
        if status == TOO_MANY:
            seconds = _retry_after(response) or _pause_for_policy(body, self.limits)
            self._rate.pause(seconds)
            raise RetryableError(subject, problem, retry_after_seconds=seconds)
        if status in (UNAUTHORIZED, FORBIDDEN):
            raise CredentialsError(
                subject, problem, "Check the credential, its scopes and its expiry."
            )
        if status in (TIMEOUT, LOCKED, MIGRATING) or status >= SERVER_ERROR:
            raise RetryableError(
                subject,
                problem,
                retry_after_seconds=_retry_after(response),
                outcome_unknown=status not in (LOCKED, MIGRATING),
            )
        if status < BAD_REQUEST:
            raise RunStoppedError(subject, problem, "Redirects are never followed.")
        raise BatchRejectedError(
            subject, f"answered {status} {_category(body)}.".replace(" .", ".")
        )


def _check_url(name: str, url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname and not parts.username:
        return
    if parts.scheme == "http" and parts.hostname and _is_loopback(parts.hostname):
        return
    raise ConfigurationError(
        f"destination {name}", "has a base URL that is neither https nor http to this machine."
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _read_bounded(response: requests.Response) -> bytes:
    parts = bytearray()
    for part in response.iter_content(65_536):
        parts += part
        if len(parts) > MAXIMUM_ANSWER_BYTES:
            raise requests.exceptions.ContentDecodingError("answer too large")
    return bytes(parts)


def _never_connected(error: requests.RequestException) -> bool:
    # urllib3 says so in the reason of the MaxRetryError that requests wraps.
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return type(reason).__name__ in {"NewConnectionError", "NameResolutionError"}


def _unreachable(subject: str, error: Exception, *, unknown: bool) -> RetryableError:
    kind = type(error).__name__
    return RetryableError(
        subject, f"gave no answer ({kind}).", "It is tried again.", outcome_unknown=unknown
    )


def _parse(subject: str, body: bytes) -> Any:  # noqa: ANN401 - JSON is any value
    if not body:
        return None
    try:
        return parse_json(body, subject)
    except IntegrityError:
        raise RetryableError(
            subject, "answered with something that is not JSON.", outcome_unknown=True
        ) from None


def _retry_after(response: requests.Response) -> float | None:
    value = response.headers.get("Retry-After", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        # A date without a zone is UTC (RFC 9110).
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = (aware - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), MAXIMUM_PAUSE_SECONDS) if math.isfinite(seconds) else None


def _pause_for_policy(body: bytes, limits: Limits) -> float:
    """Return the seconds to wait where a 429 names its policy and no Retry-After."""
    return 1.0 if b'"SECONDLY"' in body else float(limits.period_seconds)


def _category(body: bytes) -> str:
    """Return the category of an error answer; its message may repeat what was sent."""
    try:
        document = parse_json(body, "answer")
    except IntegrityError:
        return ""
    category = document.get("category", "") if isinstance(document, dict) else ""
    return category if isinstance(category, str) and category.isidentifier() else ""
