"""Readers, and an archive for them to read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from app.auth import service as auth
from app.auth.service import Role
from app.kit.database import Database
from ml.corpus.simulator import simulate
from ml.formats.wfdb import write_wfdb

MACHINE = "Sinus rhythm\nLeft bundle branch block"


@dataclass(frozen=True)
class Person:
    """A user as a client: every call has the user's key."""

    name: str
    key: str
    client: httpx.Client

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.client.request(method, path, headers={"Authorization": f"Bearer {self.key}"}, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.call("GET", path, **options)

    def claim(self, list_id: str) -> dict[str, Any] | None:
        answer = self.call("POST", f"/v1/reviews/lists/{list_id}/claim")
        assert answer.status_code == 200, answer.text
        item: dict[str, Any] | None = answer.json()["item"]
        return item

    def lock(self, item: dict[str, Any], text: str) -> dict[str, Any]:
        answer = self.call("POST", f"/v1/reviews/items/{item['id']}/lock", json={"text": text})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def sign(self, item: dict[str, Any], text: str, reason: str | None = None) -> dict[str, Any]:
        answer = self.call("POST", f"/v1/reviews/items/{item['id']}/sign", json={"text": text, "reason": reason})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


People = Callable[[str, Role], Person]


def people(database: Database, client: httpx.Client) -> People:
    """Return a function that makes a user with a key."""

    def make(name: str, role: Role) -> Person:
        with database.begin() as session:
            auth.create_user(session, "test", name, role)
            return Person(name, auth.issue_key(session, "test", name), client)

    return make


def upload(client: httpx.Client, number: int, *, seed: int = 3, **texts: str) -> list[str]:
    """Store real ECGs with the machine's report; return their ids."""
    ids = []
    for place, ecg in enumerate(simulate(number, seed=seed)):
        files = [("file", part) for part in write_wfdb(ecg.recording, f"r{seed}-{place}").items()]
        answer = client.post("/v1/ecgs", files=files, data={"machine_report": MACHINE, **texts})
        assert answer.status_code == 201, answer.text
        ids.append(answer.json()["id"])
    return ids


def make_list(client: httpx.Client, **given: Any) -> str:
    """Make a list, and return its id."""
    asked = {"name": "a list", "mode": "blind", "rule": {"kind": "random"}, **given}
    answer = client.post("/v1/reviews/lists", json=asked)
    assert answer.status_code == 201, answer.text
    list_id: str = answer.json()["id"]
    return list_id
