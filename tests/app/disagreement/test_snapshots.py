"""A pinned question gives the same answer whatever happens afterwards."""

import csv
import io
import random

import httpx
from sqlalchemy import text

from app.kit.database import Database
from ml.labeling import builtin
from tests.app.disagreement.archive import StoredPair, store
from tests.app.disagreement.test_table import SEED, random_pairs


def test_a_snapshot_stays_while_data_and_vocabularies_change(
    client: httpx.Client, database: Database, keys: dict[str, str]
) -> None:
    store(database, random_pairs(random.Random(SEED), 50))
    question = {"sex": "female", "from": "2019-06-01", "group_by": ["site", "year"], "hedged": "ignore"}
    answer = client.get("/v1/disagreement", params=question).json()
    pinned = client.post("/v1/disagreement/snapshots", params={**question, "name": "Board, June"})
    assert pinned.status_code == 201, pinned.text
    place = pinned.headers["location"]
    assert pinned.json()["answer"] == answer
    store(database, [StoredPair((1, 0, 2, 0), sex="female")])
    with database.begin() as session:
        session.execute(text("UPDATE pairs SET site_id = 0"))
        session.execute(text("UPDATE vocabularies SET version = 'another' WHERE state = 'active'"))
    assert client.get("/v1/disagreement", params=question).json() != answer
    again = client.get(place).json()
    assert again == pinned.json() and again["vocabulary"] == builtin().version and again["created_by"] == "admin"
    # its query asks the question again
    assert client.get("/v1/disagreement", params=again["query"]).status_code == 200
    assert again["query"] == {**question, "from": "2019-06-01T00:00:00Z", "simulated": False}
    lines = list(csv.DictReader(io.StringIO(client.get(place, headers={"accept": "text/csv"}).text)))
    assert len(lines) == 13 * len(answer["groups"]) and set(lines[0]) >= {"site", "year"}
    with database.begin() as session:
        entry = session.execute(text("SELECT actor, after FROM audit_log WHERE resource = 'snapshot'")).one()
    assert entry.actor == "admin" and entry.after["name"] == "Board, June"


def test_snapshots_are_listed_newest_first_and_made_by_readers(client: httpx.Client, keys: dict[str, str]) -> None:
    made = [client.post("/v1/disagreement/snapshots", params={"name": str(n)}).json()["id"] for n in range(3)]
    first = client.get("/v1/disagreement/snapshots", params={"limit": 2}).json()
    rest = client.get("/v1/disagreement/snapshots", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [item["id"] for item in first["items"] + rest["items"]] == made[::-1] and rest["next_cursor"] is None
    assert "answer" not in first["items"][0]
    client.headers["Authorization"] = f"Bearer {keys['viewer']}"
    assert client.get(f"/v1/disagreement/snapshots/{made[0]}").status_code == 200
    assert client.post("/v1/disagreement/snapshots").status_code == 403
    assert client.get(f"/v1/disagreement/snapshots/{'0' * 32}").status_code == 404
    assert client.get("/v1/disagreement/snapshots/1").status_code == 422
