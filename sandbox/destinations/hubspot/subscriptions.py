"""Subscription statuses, kept by e-mail address whether or not a contact has it.

Source: HubSpot's communication preferences reference.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox.destinations.encoding import JsonObject

STATES = frozenset({"NOT_SPECIFIED", "SUBSCRIBED", "UNSUBSCRIBED"})
LEGAL_BASES = frozenset(
    {
        "CONSENT_WITH_NOTICE",
        "LEGITIMATE_INTEREST_CLIENT",
        "LEGITIMATE_INTEREST_OTHER",
        "LEGITIMATE_INTEREST_PQL",
        "NON_GDPR",
        "PERFORMANCE_OF_CONTRACT",
        "PROCESS_AND_STORE",
    }
)


@dataclass(frozen=True, slots=True)
class SubscriptionDefinition:
    """One kind of mail that people can subscribe to."""

    id: int
    name: str
    description: str
    created: str

    def shown(self) -> JsonObject:
        """Write the definition as the definitions call does."""
        return {
            "id": str(self.id),
            "name": self.name,
            "description": self.description,
            "purpose": "Marketing",
            "communicationMethod": "Email",
            "isActive": True,
            "isDefault": False,
            "isInternal": False,
            "createdAt": self.created,
            "updatedAt": self.created,
        }


@dataclass(slots=True)
class SubscriptionStatus:
    """What one address said about one subscription."""

    state: str
    at: str
    source: str
    legal_basis: str | None = None
    explanation: str | None = None
    is_own_choice: bool = False


@dataclass(slots=True)
class SubscriptionBook:
    """Definitions, statuses by (address, definition), and who left everything."""

    definitions: dict[int, SubscriptionDefinition] = field(default_factory=dict)
    statuses: dict[tuple[str, int], SubscriptionStatus] = field(default_factory=dict)
    left_everything: dict[str, str] = field(default_factory=dict)
    own_choice_everything: set[str] = field(default_factory=set)

    @classmethod
    def with_defaults(cls) -> SubscriptionBook:
        """Return the definitions of the demo portal: 1001, product marketing."""
        definition = SubscriptionDefinition(
            1001, "Product marketing", "News and offers on our products", "2026-01-05T09:00:00.000Z"
        )
        return cls(definitions={definition.id: definition})

    def state(self, email: str, definition: int) -> str:
        """Return the state that counts: leaving everything outweighs the rest."""
        if email in self.left_everything:
            return "UNSUBSCRIBED"
        status = self.statuses.get((email, definition))
        return "NOT_SPECIFIED" if status is None else status.state

    def is_own_opt_out(self, email: str, definition: int) -> bool:
        """Tell whether the person himself left this subscription or everything."""
        status = self.statuses.get((email, definition))
        return email in self.own_choice_everything or (
            status is not None and status.is_own_choice and status.state == "UNSUBSCRIBED"
        )

    def write(self, email: str, definition: int, status: SubscriptionStatus) -> str:
        """Store a status and return HubSpot's word for what it did."""
        before = self.state(email, definition)
        if before == status.state:
            if status.is_own_choice:
                self.statuses[(email, definition)] = status
            return "NO_STATUS_CHANGE"
        if status.state == "SUBSCRIBED":
            self.left_everything.pop(email, None)
            self.own_choice_everything.discard(email)
        self.statuses[(email, definition)] = status
        if before == "UNSUBSCRIBED" and status.state == "SUBSCRIBED":
            return "RESUBSCRIBE_OCCURRED"
        return "REQUESTED_CHANGE_OCCURRED"

    def leave_everything(self, email: str, at: str, *, is_own_choice: bool) -> None:
        """Unsubscribe an address from all mail."""
        self.left_everything.setdefault(email, at)
        if is_own_choice:
            self.own_choice_everything.add(email)

    def shown(self, email: str, definition: int, reason: str | None = None) -> JsonObject:
        """Write one status as the statuses calls do."""
        status = self.statuses.get((email, definition))
        document: JsonObject = {
            "channel": "EMAIL",
            "subscriberIdString": email,
            "subscriptionId": definition,
            "subscriptionName": self.definitions[definition].name,
            "status": self.state(email, definition),
            "source": "API" if status is None else status.source,
            "timestamp": self.left_everything.get(email)
            or ("1970-01-01T00:00:00.000Z" if status is None else status.at),
        }
        if status is not None and status.legal_basis is not None:
            document["legalBasis"] = status.legal_basis
            document["legalBasisExplanation"] = status.explanation or ""
        if reason is not None:
            document["setStatusSuccessReason"] = reason
        return document
