"""Who may do what: `roles.yml` names people and their roles, `allowed_signers` their keys."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from pydantic import Field, model_validator

from activation.governance.segments import Line, Word
from tellerline.documents import Document, read_document
from tellerline.errors import PolicyRefusedError


class Role(StrEnum):
    """What a person may do in the approval of an audience."""

    SEGMENT_MAKER = "segment_maker"
    MARKETING_APPROVER = "marketing_approver"
    COMPLIANCE_APPROVER = "compliance_approver"
    CREDIT_APPROVER = "credit_approver"


class Person(Document):
    """One human being. Two keys of one person are still one person."""

    name: Line
    team: Word
    roles: tuple[Role, ...]


class People(Document):
    """Everyone who may ask for or decide on an export, by the principal in `allowed_signers`."""

    people: dict[str, Person] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_unique(self) -> People:
        names = [person.name.casefold() for person in self.people.values()]
        if len(set(names)) != len(names):
            msg = "one name stands under two principals; a person has one principal"
            raise ValueError(msg)
        return self

    def require(self, principal: str, role: Role) -> Person:
        """Return the person behind `principal`.

        Raises:
            PolicyRefusedError: Nobody known, or without that role.
        """
        person = self.people.get(principal)
        if person is None:
            raise PolicyRefusedError(
                f"person {principal}", "is not in roles.yml.", "Ask compliance to add the person."
            )
        if role not in person.roles:
            raise PolicyRefusedError(
                f"person {principal}", f"has not the role {role}.", "Ask someone who has it."
            )
        return person


def read_people(governance: Path) -> People:
    """Return the people of `governance/roles.yml`."""
    return read_document(governance / "roles.yml", People)
