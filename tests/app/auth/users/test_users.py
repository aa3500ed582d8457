"""Users, keys and sessions over HTTP: one's own, and for admins everybody's."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from app.auth import service
from app.kit.database import Database
from app.settings import Settings
from tests.app.auth.sessions.browser import browser

NOTHING = "5b2c1b0e-0000-4000-8000-000000000000"


def of(keys: dict[str, str], role: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {keys[role]}"}


def ids(client: httpx.Client) -> dict[str, str]:
    return {user["name"]: user["id"] for user in client.get("/v1/users").json()["items"]}


def test_a_user_is_made_changed_and_disabled(client: httpx.Client, keys: dict[str, str]) -> None:
    made = client.post("/v1/users", json={"name": " anna ", "role": "viewer"})
    assert made.status_code == 201
    assert {made.json()[key] for key in ("name", "role", "disabled", "has_password", "keys", "sessions")} == {
        *("anna", "viewer", False, 0)
    }
    path = f"/v1/users/{made.json()['id']}"
    assert client.post("/v1/users", json={"name": "anna", "role": "viewer"}).status_code == 409
    for bad in ({"name": "", "role": "viewer"}, {"name": "b", "role": "god"}, {"name": "b", "role": "viewer", "x": 1}):
        assert client.post("/v1/users", json=bad).status_code == 422
    changed = client.patch(path, json={"role": "reader", "disabled": True}).json()
    assert (changed["role"], changed["disabled"]) == ("reader", True)
    assert client.post(f"{path}/sign-in-link").status_code == 409
    assert client.patch(path, json={"disabled": False}).json()["disabled"] is False
    assert client.patch(path, json={}).json()["role"] == "reader"
    link = client.post(f"{path}/sign-in-link")
    assert link.status_code == 201 and "/sign-in/link?token=" in link.json()["address"]
    assert client.patch(f"/v1/users/{NOTHING}", json={}).status_code == 404
    assert client.post(f"/v1/users/{NOTHING}/sign-in-link").status_code == 404
    entries = [(entry["action"], entry["resource"]) for entry in client.get("/v1/audit").json()["items"]]
    assert entries[:5] == [
        *(("create", "sign_in_link"), ("enable", "user"), ("disable", "user"), ("update", "user"), ("create", "user"))
    ]


def test_the_last_admin_stays_one(client: httpx.Client, keys: dict[str, str]) -> None:
    admin = ids(client)["admin"]
    for change in ({"disabled": True}, {"role": "viewer"}):
        assert client.patch(f"/v1/users/{admin}", json=change).status_code == 409
    assert client.get("/v1/audit").status_code == 200


def test_a_key_is_made_shown_once_used_and_revoked(client: httpx.Client, keys: dict[str, str]) -> None:
    viewer = of(keys, "viewer")
    made = client.post("/v1/keys", json={}, headers=viewer).json()
    own = {"Authorization": f"Bearer {made['key']}"}
    assert client.get("/v1/me", headers=own).json()["name"] == "viewer"
    listed = client.get("/v1/keys", headers=viewer)
    assert made["key"] not in listed.text and [key["state"] for key in listed.json()["items"]] == ["active"] * 2
    assert client.delete(f"/v1/keys/{made['id']}", headers=of(keys, "reader")).status_code == 404, "somebody else's"
    assert client.delete(f"/v1/keys/{made['id']}", headers=viewer).status_code == 204
    assert client.get("/v1/me", headers=own).status_code == 401
    assert [key["state"] for key in client.get("/v1/keys", headers=viewer).json()["items"]] == ["revoked", "active"]
    assert client.delete(f"/v1/keys/{NOTHING}", headers=viewer).status_code == 404
    past = {"expires_at": "2020-01-01T00:00:00Z"}
    assert client.post("/v1/keys", json=past, headers=viewer).status_code == 422


def test_a_key_makes_none_that_outlives_it(client: httpx.Client, database: Database, keys: dict[str, str]) -> None:
    ends = datetime.now(UTC) + timedelta(days=2)
    with database.begin() as session:
        short = {"Authorization": f"Bearer {service.issue_key(session, 'test', 'viewer', ends)}"}
    later = {"expires_at": (ends + timedelta(seconds=1)).isoformat()}
    for given in ({}, later):
        assert client.post("/v1/keys", json=given, headers=short).status_code == 422
    sooner = {"expires_at": (ends - timedelta(hours=1)).isoformat()}
    assert client.post("/v1/keys", json=sooner, headers=short).status_code == 201


def test_keys_are_bounded(client: httpx.Client, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.auth.users.service.MOST_KEYS", 3)
    statuses = [client.post("/v1/keys", json={}, headers=of(keys, "viewer")).status_code for _ in range(3)]
    assert statuses == [201, 201, 409]


@pytest.mark.parametrize("what", ["keys", "sessions"])
def test_others_keys_and_sessions_are_for_admins(client: httpx.Client, keys: dict[str, str], what: str) -> None:
    users = ids(client)
    assert client.get(f"/v1/{what}", params={"user_id": users["viewer"]}).status_code == 200
    assert client.get(f"/v1/{what}", params={"user_id": NOTHING}).status_code == 404
    for role in ("viewer", "reader", "researcher"):
        for whose, status in ((users[role], 200), (users["admin"], 403), (NOTHING, 403)):
            answer = client.get(f"/v1/{what}", params={"user_id": whose}, headers=of(keys, role))
            assert answer.status_code == status, (role, whose)


def test_sessions_are_listed_and_ended(
    settings: Settings, database: Database, client: httpx.Client, keys: dict[str, str]
) -> None:
    with browser(settings, database, "viewer") as (one, csrf), browser(settings, database, "viewer") as (other, _):
        listed = one.get("/v1/sessions").json()["items"]
        assert sorted(row["current"] for row in listed) == [False, True]
        another = next(row["id"] for row in listed if not row["current"])
        assert client.delete(f"/v1/sessions/{another}", headers=of(keys, "reader")).status_code == 404
        assert one.delete(f"/v1/sessions/{another}", headers=csrf).status_code == 204
        assert (one.get("/v1/me").status_code, other.get("/v1/me").status_code) == (200, 401)
        with browser(settings, database, "viewer") as (third, _):
            assert one.delete("/v1/sessions", headers=csrf).status_code == 204
            assert (one.get("/v1/me").status_code, third.get("/v1/me").status_code) == (200, 401)
        viewer = ids(client)["viewer"]
        assert client.delete("/v1/sessions", params={"user_id": viewer}).status_code == 204
        assert one.get("/v1/me").status_code == 401


def test_disabling_ends_sessions_for_good(settings: Settings, database: Database, client: httpx.Client) -> None:
    with browser(settings, database, "viewer") as (one, _):
        path = f"/v1/users/{ids(client)['viewer']}"
        for disabled in (True, False):
            client.patch(path, json={"disabled": disabled})
            assert one.get("/v1/me").status_code == 401


def test_the_audit_log_is_filtered(client: httpx.Client, keys: dict[str, str]) -> None:
    client.post("/v1/users", json={"name": "anna", "role": "viewer"})
    client.post("/v1/keys", json={})
    for chosen, expected in (
        ({"actor": "admin"}, ["create", "create"]),
        ({"actor": "admin", "resource": "user"}, ["create"]),
        ({"action": "promote"}, []),
        ({"actor": "admin", "to": "2020-01-01"}, []),
        ({"actor": "admin", "from": "2020-01-01"}, ["create", "create"]),
    ):
        answer = client.get("/v1/audit", params=chosen)
        assert [entry["action"] for entry in answer.json()["items"]] == expected, chosen
    assert client.get("/v1/audit", params={"from": "2026-01-02", "to": "2026-01-01"}).status_code == 422
    page = client.get("/v1/audit", params={"limit": 1, "actor": "admin"}).json()
    rest = client.get("/v1/audit", params={"cursor": page["next_cursor"], "actor": "admin"}).json()
    assert [entry["resource"] for entry in page["items"] + rest["items"]] == ["api_key", "user"]
