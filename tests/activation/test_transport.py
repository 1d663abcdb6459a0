"""What an HTTP answer, or the lack of one, means for a call."""

from __future__ import annotations

import gzip
import socket
import ssl
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from activation.destinations.declaration import Limits
from activation.destinations.transport import (
    MAXIMUM_ANSWER_BYTES,
    MAXIMUM_PAUSE_SECONDS,
    RateLimit,
    Transport,
)
from tellerline.errors import (
    BatchRejectedError,
    ConfigurationError,
    CredentialsError,
    RetryableError,
    RunStoppedError,
    TellerlineError,
)
from tests.activation.scripted_server import answer, scripted_server

LIMITS = Limits(requests_per_period=100, period_seconds=10, concurrency=2)
SECRET = "Bearer canary-credential"
PAYLOAD = b'{"email":"canary@example.com"}'


def call(base_url: str) -> object:
    transport = Transport("portal", base_url, {"Authorization": SECRET}, LIMITS)
    try:
        return transport.call("POST", "/contacts", PAYLOAD).document
    finally:
        transport.close()


def failure_of(script: bytes) -> TellerlineError:
    with scripted_server(script) as server, pytest.raises(TellerlineError) as caught:
        call(server.base_url)
    assert "canary" not in str(caught.value)
    return caught.value


def test_a_json_answer_is_returned() -> None:
    with scripted_server(answer("200 OK", b'{"results":[]}')) as server:
        assert call(server.base_url) == {"results": []}
    assert server.requests[0].endswith(PAYLOAD)
    assert SECRET.encode() in server.requests[0]


def test_no_content_is_an_answer_too() -> None:
    with scripted_server(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n") as server:
        assert call(server.base_url) is None


@pytest.mark.parametrize(
    ("status", "is_unknown"),
    [
        ("408 Request Timeout", True),
        ("423 Locked", False),
        ("429 Too Many Requests", False),
        ("477 Migrating", False),
        ("500 Internal Server Error", True),
        ("502 Bad Gateway", True),
        ("503 Service Unavailable", True),
        ("504 Gateway Timeout", True),
        ("524 A Timeout Occurred", True),
    ],
)
def test_a_passing_fault_is_tried_again(status: str, is_unknown: bool) -> None:
    failure = failure_of(answer(status))
    assert isinstance(failure, RetryableError)
    assert failure.outcome_unknown is is_unknown


@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
def test_a_refused_credential_stops(status: str) -> None:
    assert isinstance(failure_of(answer(status)), CredentialsError)


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "409 C", "415 U", "422 U"])
def test_other_refusals_give_the_batch_up(status: str) -> None:
    body = b'{"category":"VALIDATION_ERROR","message":"canary@example.com is bad"}'
    failure = failure_of(answer(status, body))
    assert isinstance(failure, BatchRejectedError)
    assert "VALIDATION_ERROR" in failure.problem


def test_a_category_that_is_a_sentence_is_not_repeated() -> None:
    failure = failure_of(answer("400 Bad Request", b'{"category":"canary@example.com"}'))
    assert failure.problem == "answered 400."


@pytest.mark.parametrize("status", ["301 M", "302 F", "303 S", "307 T", "308 P"])
def test_a_redirect_is_never_followed(status: str) -> None:
    with scripted_server(answer("200 OK")) as elsewhere:
        failure = failure_of(answer(status, b"{}", f"Location: {elsewhere.base_url}/other"))
        assert not elsewhere.requests
    assert isinstance(failure, RunStoppedError)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>maintenance</html>",
        b'{"results":[{"id":"1"',
        b'{"a":1,"a":2}',
        b'{"a":NaN}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
    ids=["html", "truncated", "key twice", "NaN", "deep", "not UTF-8"],
)
def test_an_answer_that_is_no_plain_json_leaves_the_outcome_unknown(body: bytes) -> None:
    failure = failure_of(answer("200 OK", body))
    assert isinstance(failure, RetryableError)
    assert failure.outcome_unknown


@pytest.mark.parametrize(
    "script",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        answer("200 OK", b" " * (MAXIMUM_ANSWER_BYTES + 1)),
        answer(
            "200 OK", gzip.compress(b" " * (8 * MAXIMUM_ANSWER_BYTES)), "Content-Encoding: gzip"
        ),
        answer("200 OK", b"no gzip", "Content-Encoding: gzip"),
        b"no http at all\r\n\r\n",
    ],
    ids=["hung up", "cut off", "too large", "bomb", "not gzip", "not http"],
)
def test_an_answer_that_cannot_be_read_leaves_the_outcome_unknown(script: bytes) -> None:
    failure = failure_of(script)
    assert isinstance(failure, RetryableError)
    assert failure.outcome_unknown


def test_where_nobody_listens_nothing_arrived() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(RetryableError) as caught:
            call(f"http://127.0.0.1:{closed.getsockname()[1]}")
    assert not caught.value.outcome_unknown


def test_proxies_and_netrc_of_the_environment_are_ignored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("NETRC", f"{tmp_path}/netrc")
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login canary password canary")
    with scripted_server(answer("200 OK")) as server:
        assert call(server.base_url) == {}
    assert SECRET.encode() in server.requests[0]


def seconds_asked(*headers: str, body: bytes = b"{}") -> float | None:
    failure = failure_of(answer("429 Too Many Requests", body, *headers))
    assert isinstance(failure, RetryableError)
    return failure.retry_after_seconds


def test_retry_after_wins_and_is_bounded() -> None:
    assert seconds_asked("Retry-After: 7") == 7
    assert seconds_asked("Retry-After: 1000000000") == MAXIMUM_PAUSE_SECONDS
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 20 < (seconds_asked(f"Retry-After: {later}") or 0) <= 30
    ages_ahead = "Wed, 01 Jan 3000 00:00:00 -0000"
    assert seconds_asked(f"Retry-After: {ages_ahead}") == MAXIMUM_PAUSE_SECONDS


@pytest.mark.parametrize("value", ["", "soon", "nan", "inf", "-inf", "-5", "Mon, 99 Foo"])
def test_a_retry_after_that_says_nothing_leaves_the_period(value: str) -> None:
    seconds = seconds_asked(f"Retry-After: {value}")
    assert seconds == LIMITS.period_seconds


def test_a_policy_of_one_second_asks_for_one_second() -> None:
    assert seconds_asked(body=b'{"policyName":"SECONDLY"}') == 1
    assert seconds_asked(body=b'{"policyName":"TEN_SECONDLY_ROLLING"}') == LIMITS.period_seconds


@pytest.mark.parametrize(
    "url",
    [
        "http://api.hubapi.com",
        "http://10.0.0.1",
        "http://169.254.169.254",
        "http://127.0.0.1.example.com",
        "http://[2002:7f00:1::]",
        "http://2130706433",
        "http://0x7f.1",
        "https://user:password@api.hubapi.com",
        "https://",
        "ftp://127.0.0.1",
        "file:///etc/passwd",
        "api.hubapi.com",
        "",
    ],
)
def test_only_https_or_this_machine_is_called(url: str) -> None:
    with pytest.raises(
        ConfigurationError, match="neither https nor http to this machine"
    ) as caught:
        Transport("portal", url, {}, LIMITS)
    assert "password" not in str(caught.value)


def self_signed(folder: Path) -> Path:
    """Make a certificate for this machine that no authority knows, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = folder / "self-signed.pem"
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
        + certificate.public_bytes(pem)
    )
    return path


def test_a_certificate_that_nobody_vouches_for_is_refused_before_anything_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path)
    # What the environment trusts is not what we trust.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with scripted_server(answer("200 OK"), context=context) as server:
        with pytest.raises(RetryableError) as caught:
            call(server.base_url)
        assert not caught.value.outcome_unknown
        assert not server.requests


def test_no_period_sees_more_calls_than_agreed() -> None:
    limit = RateLimit(Limits(requests_per_period=3, period_seconds=0.2, concurrency=1))  # type: ignore[arg-type]
    asked, admitted = [], []
    for _ in range(8):
        asked.append(time.monotonic())
        assert limit.admit()
        admitted.append(time.monotonic())
    # Between asking and being admitted: a machine that stands still in between proves nothing else.
    assert all(later - earlier >= 0.19 for earlier, later in zip(asked, admitted[3:], strict=False))


def test_a_pause_that_was_asked_for_holds_everybody_back() -> None:
    limit = RateLimit(LIMITS)
    limit.pause(0.2)
    started = time.monotonic()
    assert limit.admit()
    assert time.monotonic() - started >= 0.19


def test_whoever_waits_gives_up_when_the_world_changes() -> None:
    limit = RateLimit(LIMITS)
    limit.pause(60)
    assert not limit.admit(lambda: True)
