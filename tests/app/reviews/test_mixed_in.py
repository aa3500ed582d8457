"""Repeats and gold look like any other item, and disturb no pair; what they and others say of a reader; erasure."""

from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.kit.database import Database
from app.reviews.quality.service import MINIMUM
from tests.app.reviews.people import People, make_list, people, upload


@pytest.fixture
def make(database: Database, client: httpx.Client) -> People:
    return people(database, client)


def purposes(database: Database) -> list[str]:
    with database.begin() as session:
        return list(session.scalars(text("SELECT purpose FROM review_items ORDER BY created_at, purpose")))


def shape(value: Any) -> Any:
    """A JSON value with its types for values."""
    if isinstance(value, dict):
        return {key: shape(part) for key, part in value.items()}
    return [shape(part) for part in value[:1]] if isinstance(value, list) else type(value).__name__


def weeks_later(database: Database, days: int) -> None:
    """Let everything that was read and seen have been so many days earlier."""
    ago = f"interval '{days} days'"
    with database.begin() as session:
        for table, columns in (
            ("review_versions", ("signed_at",)),
            ("review_shown", ("at", "last_at")),
            ("review_readings", ("locked_at", "created_at")),
            ("access_log", ("at",)),
        ):
            session.execute(text(f"UPDATE {table} SET " + ", ".join(f"{name} = {name} - {ago}" for name in columns)))


def test_a_repeat_comes_after_weeks_looks_like_any_item_and_is_no_report(
    client: httpx.Client, make: People, database: Database
) -> None:
    ids = upload(client, 2)
    list_id = make_list(client, ecgs=1, repeat_share=1.0, repeat_after_days=28)
    reader = make("reader-1", "reader")
    item = reader.claim(list_id)
    assert item is not None
    first = reader.lock(item, "Atrial flutter")
    signed = reader.sign(item, "Atrial flutter")
    assert reader.claim(list_id) is None, "too early"
    weeks_later(database, 27)
    assert reader.claim(list_id) is None
    weeks_later(database, 2)
    again = reader.claim(list_id)
    assert again is not None and again["id"] != item["id"]
    assert shape(again) == shape(item) and again["machine"] is None and again["first"] is None
    assert shape(reader.lock(again, "LVH")) == shape(first)
    assert shape(reader.sign(again, "LVH")) == shape(signed)
    assert purposes(database) == ["read", "repeat"]
    reports = [
        report["text"]
        for ecg_id in ids
        for report in client.get(f"/v1/ecgs/{ecg_id}/reports").json()["items"]
        if report["source"] == "overread"
    ]
    assert reports == ["Atrial flutter"], "a repeat corrects nothing"
    assert client.get(f"/v1/reviews/lists/{list_id}").json()["counts"]["signed"] == 1, "nor is it counted"


def test_who_looked_at_it_since_does_not_repeat_it(client: httpx.Client, make: People, database: Database) -> None:
    [ecg_id] = upload(client, 1)
    list_id = make_list(client, repeat_share=1.0, repeat_after_days=28)
    reader = make("reader-1", "reader")
    item = reader.claim(list_id)
    assert item is not None
    reader.lock(item, "Atrial flutter")
    reader.sign(item, "Atrial flutter")
    weeks_later(database, 60)
    assert reader.get(f"/v1/reviews/items/{item['id']}").status_code == 200, "the signed item shows what was read"
    assert reader.claim(list_id) is None
    weeks_later(database, 60)
    assert reader.get(f"/v1/ecgs/{ecg_id}").status_code == 200
    assert reader.claim(list_id) is None
    weeks_later(database, 60)
    assert reader.claim(list_id) is not None


def test_gold_is_met_unknown_once_a_reader_and_is_no_report(
    client: httpx.Client, make: People, database: Database
) -> None:
    [gold_id] = upload(client, 1, seed=8)
    upload(client, 1)
    put = client.put(f"/v1/reviews/gold/{gold_id}", json={"text": "Atrial flutter"})
    assert put.status_code == 200
    list_id = make_list(client, gold_share=1.0)
    assert client.get(f"/v1/reviews/lists/{list_id}").json()["ecgs"] == 1, "gold is not chosen by a rule"
    reader = make("reader-1", "reader")
    met = []
    while (item := reader.claim(list_id)) is not None:
        met.append((shape(item), shape(reader.lock(item, "LVH")), shape(reader.sign(item, "LVH"))))
    assert sorted(purposes(database)) == ["gold", "read"] and met[0] == met[1]
    stored = client.get(f"/v1/ecgs/{gold_id}/reports").json()["items"]
    assert [report["source"] for report in stored] == ["machine"]
    assert client.get("/v1/reviews/gold").json()["items"][0]["text"] == "Atrial flutter"
    assert client.delete(f"/v1/reviews/gold/{gold_id}").json()["ecg_id"] == gold_id
    assert client.delete(f"/v1/reviews/gold/{gold_id}").status_code == 404


def test_figures_of_too_few_are_withheld_and_are_ones_own(client: httpx.Client, make: People) -> None:
    upload(client, 1)
    list_id = make_list(client, mode="assisted")
    reader, other = make("reader-1", "reader"), make("reader-2", "reader")
    item = reader.claim(list_id)
    assert item is not None
    reader.sign(item, "Atrial flutter")
    own = reader.get("/v1/reviews/quality", params={"mode": "assisted"}).json()
    assert (own["reader"], own["readings"], own["minimum"]) == ("reader-1", 1, MINIMUM)
    for row in (*own["intra"], *own["gold"], *own["inter"]):
        known = {name for name, value in row.items() if value is not None}
        assert known == {"label", "name", "ecgs", "withheld"}
    assert reader.get("/v1/reviews/quality").json()["readings"] == 0, "an assisted reading is no blind one"
    assert other.get("/v1/reviews/quality", params={"reader": "reader-1"}).status_code == 403
    shown = client.get("/v1/reviews/quality", params={"reader": "reader-1", "mode": "assisted"})
    assert shown.status_code == 200 and shown.json()["readings"] == 1
    assert client.get("/v1/reviews/quality", params={"reader": "nobody"}).status_code == 422


def test_influence_compares_first_readings_with_what_became_of_them(client: httpx.Client, make: People) -> None:
    upload(client, 1)
    reader = make("reader-1", "reader")
    item = reader.claim(make_list(client))
    assert item is not None
    reader.lock(item, "Atrial flutter")
    reader.sign(item, "Sinus rhythm\nLBBB", "the machine convinced me")
    found = {row["reading"]: row for row in client.get("/v1/reviews/influence").json()["readings"]}
    disagreements = {
        name: {label["label"]: label["disagreement"] for label in row["labels"] if label["disagreement"]}
        for name, row in found.items()
    }
    assert disagreements == {"blind": {"sinus_rhythm": 1, "lbbb": 1, "aflutter": 1}, "amended": {}, "shown": {}}
    assert [found[name]["readings"] for name in ("blind", "amended", "shown")] == [1, 1, 0]


def test_the_digest_lists_what_a_later_reader_changed(client: httpx.Client, make: People) -> None:
    [ecg_id] = upload(client, 1)
    list_id = make_list(client, mode="assisted", readings=2)
    first, second, third = (make(name, "reader") for name in ("first", "second", "third"))
    items = {}
    for reader, said in ((first, "Atrial flutter"), (second, "Atrial fibrillation"), (third, "Atrial fibrillation")):
        items[reader.name] = reader.claim(list_id)
        reader.sign(items[reader.name], said)  # type: ignore[arg-type]
    [changed] = first.get("/v1/reviews/digest").json()["items"]
    assert (changed["by"], changed["ecg_id"]) == ("adjudication", ecg_id)
    assert changed["item_id"] == items["first"]["id"]  # type: ignore[index]
    assert (changed["mine"]["text"], changed["later"]["text"]) == ("Atrial flutter", "Atrial fibrillation")
    assert [(each["label"], each["mine"], each["later"]) for each in changed["differences"]] == [
        ("afib", None, "present"),
        ("aflutter", "present", None),
    ]
    assert second.get("/v1/reviews/digest").json()["items"] == [], "the decision is as hers"
    assert third.get("/v1/reviews/digest").json()["items"] == []


def test_an_erased_ecg_goes_with_all_that_was_written_of_it(
    client: httpx.Client, make: People, database: Database
) -> None:
    [ecg_id] = upload(client, 1)
    reader = make("reader-1", "reader")
    item = reader.claim(make_list(client))
    assert item is not None
    reader.call("PUT", f"/v1/reviews/items/{item['id']}/draft", json={"text": "a draft of it"})
    reader.lock(item, "Atrial flutter, a peculiar one")
    reader.sign(item, "Atrial flutter, another peculiar one", "why")
    client.put(f"/v1/reviews/gold/{ecg_id}", json={"text": "a peculiar gold text"})
    assert client.delete(f"/v1/ecgs/{ecg_id}").status_code == 200
    with database.begin() as session:
        for table in ("review_items", "review_readings", "review_versions", "review_shown", "review_gold"):
            assert session.scalar(text(f"SELECT count(*) FROM {table}")) == 0, table
        assert session.scalar(text("SELECT count(*) FROM texts WHERE text LIKE '%peculiar%'")) == 0
    assert reader.get(f"/v1/reviews/items/{item['id']}").status_code == 404


def test_an_erasure_leaves_texts_that_a_review_still_has(
    client: httpx.Client, make: People, database: Database
) -> None:
    kept, gone = upload(client, 2)
    for said in ("Atrial flutter, a peculiar one",):
        client.put(f"/v1/reviews/gold/{kept}", json={"text": said})
        client.post(f"/v1/ecgs/{gone}/reports", json={"source": "overread", "text": said})
    assert client.delete(f"/v1/ecgs/{gone}").status_code == 200
    assert client.get("/v1/reviews/gold").json()["items"][0]["text"] == "Atrial flutter, a peculiar one"
