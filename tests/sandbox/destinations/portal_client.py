"""Plain HTTP calls to a simulated portal."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import requests

from sandbox.destinations.process import SandboxProcess

VERSIONS = ("v3", "2026-09")
KEY = "member_key"


@dataclass
class PortalClient:
    """Calls a portal's paths in one version; nothing more than HTTP."""

    sandbox: SandboxProcess
    session: requests.Session
    version: str = "2026-09"

    def path(self, family: str) -> str:
        if self.version == "v3":
            return {
                "contacts": "/crm/v3/objects/contacts",
                "properties": "/crm/v3/properties/contacts",
                "lists": "/crm/v3/lists",
                "preferences": "/communication-preferences/v4",
                "oauth": "/oauth/v3",
            }[family]
        return {
            "contacts": f"/crm/objects/{self.version}/contacts",
            "properties": f"/crm/properties/{self.version}/contacts",
            "lists": f"/crm/lists/{self.version}",
            "preferences": f"/communication-preferences/{self.version}",
            "oauth": f"/oauth/{self.version}",
        }[family]

    def call(
        self, method: str, path: str, document: object = None, **more: Any
    ) -> requests.Response:
        if document is not None:
            more["data"] = json.dumps(document)
            more.setdefault("headers", {}).setdefault("Content-Type", "application/json")
        return self.session.request(
            method, self.sandbox.base_url + path, timeout=20, allow_redirects=False, **more
        )

    def contacts(self, rest: str, document: object, **more: Any) -> requests.Response:
        return self.call("POST", self.path("contacts") + rest, document, **more)

    def upsert(self, inputs: list[dict[str, Any]], **more: Any) -> requests.Response:
        return self.contacts("/batch/upsert", {"inputs": inputs}, **more)

    def upsert_ids(self, *keys: str, **properties: str) -> dict[str, str]:
        answer = self.upsert([member(key, **properties) for key in keys])
        assert answer.status_code == 200, answer.text
        return {row["properties"][KEY]: row["id"] for row in answer.json()["results"]}

    def make_property(
        self, name: str, /, *, unique: bool = False, **more: Any
    ) -> requests.Response:
        return self.call(
            "POST",
            self.path("properties"),
            {
                "name": name,
                "label": name,
                "type": "string",
                "fieldType": "text",
                "groupName": "contactinformation",
                "hasUniqueValue": unique,
            }
            | more,
        )

    def make_list(self, name: str = "payroll", kind: str = "MANUAL") -> str:
        answer = self.call(
            "POST",
            self.path("lists"),
            {"name": name, "objectTypeId": "0-1", "processingType": kind},
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["list"]["listId"])

    def membership(self, list_id: str, verb: str, document: object) -> requests.Response:
        return self.call("PUT", f"{self.path('lists')}/{list_id}/memberships/{verb}", document)

    def list_size(self, list_id: str) -> int:
        return int(self.call("GET", f"{self.path('lists')}/{list_id}").json()["list"]["size"])

    def statuses(self, rest: str, document: object, **more: Any) -> requests.Response:
        return self.call("POST", f"{self.path('preferences')}/statuses/{rest}", document, **more)


def member(key: str, *, trace: str | None = None, **properties: str) -> dict[str, Any]:
    document: dict[str, Any] = {
        "id": key,
        "idProperty": KEY,
        "properties": {KEY: key, **properties},
    }
    if trace is not None:
        document["objectWriteTraceId"] = trace
    return document
