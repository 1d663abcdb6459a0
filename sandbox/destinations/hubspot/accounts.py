"""Who may call: the static token of a project app, and OAuth tokens that expire.

Source: HubSpot's authentication reference. The token endpoint takes a form body; access tokens live
half an hour; a refresh token does not change.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from sandbox.destinations.hubspot.answers import Answer, Call, Refusal, answered
from sandbox.destinations.hubspot.portal import PORTAL_ID

FORM = "application/x-www-form-urlencoded"
ALL_SCOPES = frozenset(
    {
        "communication_preferences.read",
        "communication_preferences.read_write",
        "communication_preferences.statuses.batch.read",
        "communication_preferences.statuses.batch.write",
        "communication_preferences.write",
        "crm.lists.read",
        "crm.lists.write",
        "crm.objects.contacts.read",
        "crm.objects.contacts.write",
        "crm.schemas.contacts.read",
        "crm.schemas.contacts.write",
        "oauth",
    }
)


@dataclass(frozen=True, slots=True)
class OAuthApp:
    """The one OAuth app that is installed in the portal."""

    client_id: str = "sandbox-client"
    client_secret: str = "sandbox-secret"  # noqa: S105 - a simulator's, stated in its help
    code: str = "sandbox-code"
    refresh_token: str = "sandbox-refresh-token"  # noqa: S105 - as above


@dataclass(slots=True)
class Grant:
    """What a token opens, and until when (None: it does not expire)."""

    scopes: frozenset[str]
    expires_at: float | None = None

    @property
    def is_oauth(self) -> bool:
        """Tell an OAuth token from a static one."""
        return self.expires_at is not None


@dataclass(slots=True)
class TokenBook:
    """The tokens in force."""

    static_token: str
    scopes: frozenset[str] = ALL_SCOPES
    app: OAuthApp = field(default_factory=OAuthApp)
    grants: dict[str, Grant] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.forget_issued()

    def grant(self, authorization: str, now: float) -> tuple[str, Grant]:
        """Return the token of an `Authorization` header and what it opens.

        Raises:
            Refusal: 401: none, unknown or expired.
        """
        scheme, _, token = authorization.partition(" ")
        grant = self.grants.get(token) if scheme == "Bearer" else None
        if grant is None:
            raise Refusal(
                401,
                "Authentication credentials not found. This API supports OAuth 2.0 authentication.",
                category="INVALID_AUTHENTICATION",
            )
        if grant.expires_at is not None and grant.expires_at <= now:
            raise expired(now - grant.expires_at)
        return token, grant

    def expire(self, token: str, now: float) -> None:
        """End an OAuth token's life; a static token has none to end."""
        grant = self.grants.get(token)
        if grant is not None and grant.expires_at is not None:
            grant.expires_at = now

    def forget_issued(self) -> None:
        """End every token but the static one."""
        self.grants = {self.static_token: Grant(self.scopes)}

    def issue(self, now: float, seconds: int) -> str:
        """Make a new access token."""
        token = f"oauth-{secrets.token_hex(24)}"
        self.grants[token] = Grant(self.scopes, now + seconds)
        return token

    def answer(self, call: Call, seconds: int) -> Answer:
        """Answer a call to the token endpoint."""
        if not call.content_type.startswith(FORM):
            raise Refusal(415, f"The body must be {FORM}.", category=None)
        form = {name: values[0] for name, values in parse_qs(call.body.decode("latin-1")).items()}
        if (form.get("client_id"), form.get("client_secret")) != (
            self.app.client_id,
            self.app.client_secret,
        ):
            raise Refusal(400, "missing or invalid client id or client secret")
        match form.get("grant_type"):
            case "refresh_token":
                is_right = form.get("refresh_token") == self.app.refresh_token
            case "authorization_code":
                is_right = form.get("code") == self.app.code and "redirect_uri" in form
            case "client_credentials":
                is_right = True
            case _:
                raise Refusal(400, "missing or unknown grant_type")
        if not is_right:
            raise Refusal(400, "missing or invalid code or refresh token")
        return answered(
            {
                "token_type": "bearer",
                "access_token": self.issue(call.at, seconds),
                "refresh_token": self.app.refresh_token,
                "expires_in": seconds,
                "hub_id": PORTAL_ID,
                "scopes": sorted(self.scopes),
            }
        )


def expired(seconds: float) -> Refusal:
    """Return the refusal of a token that expired `seconds` ago."""
    return Refusal(
        401,
        f"The OAuth token used to make this call expired {int(seconds)} second(s) ago.",
        category="EXPIRED_AUTHENTICATION",
    )


def missing_scopes(required: frozenset[str]) -> Refusal:
    """Return the refusal of a token without any of the scopes `required`."""
    return Refusal(
        403,
        "This app hasn't been granted all required scopes to make this call.",
        category="MISSING_SCOPES",
        errors=[
            {
                "message": "One or more of the following scopes are required.",
                "context": {"requiredGranularScopes": sorted(required)},
            }
        ],
    )
