"""Claim, draft, lock, sign: one reader at a time, and what becomes of a reading."""

import threading
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.kit.database import Database
from tests.app.reviews.people import MACHINE, People, make_list, people, upload


@pytest.fixture
def make(database: Database, client: httpx.Client) -> People:
    return people(database, client)


def expire(database: Database) -> None:
    with database.begin() as session:
        session.execute(
            text("UPDATE review_items SET claim_expires_at = now() - interval '1 s' WHERE claim_expires_at IS NOT NULL")
        )


def reports_of(client: httpx.Client, ecg_id: str) -> list[dict[str, Any]]:
    found = client.get(f"/v1/ecgs/{ecg_id}/reports").json()["items"]
    return [report for report in found if report["source"] == "overread"]


def test_two_readers_who_claim_at_once_get_different_ecgs(client: httpx.Client, make: People) -> None:
    upload(client, 2)
    list_id = make_list(client, mode="assisted")
    readers = [make(f"reader-{i}", "reader") for i in range(4)]
    got: dict[str, Any] = {}
    start = threading.Barrier(len(readers))

    def claim(place: int) -> None:
        start.wait()
        got[readers[place].name] = readers[place].claim(list_id)

    threads = [threading.Thread(target=claim, args=(place,)) for place in range(len(readers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    items = [item["id"] for item in got.values() if item is not None]
    assert len(items) == len(set(items)) == 2, "two ECGs, each held by one of the four"
    winner = next(reader for reader in readers if got[reader.name] is not None)
    assert winner.claim(list_id)["id"] == got[winner.name]["id"], "asking again gives the same item"


def test_a_claim_ends_after_a_while_and_its_drafts_stay(client: httpx.Client, make: People, database: Database) -> None:
    upload(client, 1)
    list_id = make_list(client, claim_minutes=5)
    first, second = make("first", "reader"), make("second", "reader")
    item = first.claim(list_id)
    assert item is not None and item["state"] == "claimed"
    path = f"/v1/reviews/items/{item['id']}"
    saved = first.call("PUT", f"{path}/draft", json={"text": "Atrial flu"})
    assert saved.status_code == 200 and saved.json()["claim_expires_at"] >= item["claim_expires_at"]
    assert second.claim(list_id) is None
    assert second.get(path).status_code == 404, "another's item"
    expire(database)
    for answer in (
        first.call("PUT", f"{path}/draft", json={"text": "Atrial flutter"}),
        first.call("POST", f"{path}/lock", json={"text": "Atrial flutter"}),
        first.call("POST", f"{path}/sign", json={"text": "Atrial flutter"}),
        first.call("POST", f"{path}/release"),
        first.get(path),
    ):
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/claim_expired")
    again = first.claim(list_id)
    assert again is not None and again["draft"] == "Atrial flu" and len(again["drafts"]) == 1
    expire(database)
    assert second.claim(list_id)["id"] == item["id"]
    assert first.claim(list_id) is None


def test_drafts_are_kept_newest_first_without_names_until_it_is_signed(client: httpx.Client, make: People) -> None:
    upload(client, 1)
    reader = make("reader-1", "reader")
    item = reader.claim(make_list(client, mode="assisted"))
    path = f"/v1/reviews/items/{item['id']}"
    for number in range(25):
        reader.call("PUT", f"{path}/draft", json={"text": f"LVH{' ' * number}"})
    reader.call("PUT", f"{path}/draft", json={"text": "LVH. Patient: John Miller"})
    shown = reader.get(path).json()
    assert len(shown["drafts"]) == 20 and "Miller" not in shown["draft"] and shown["draft"].startswith("LVH.")
    assert shown["drafts"][1]["text"] == f"LVH{' ' * 24}"
    signed = reader.sign(item, "LVH")
    assert signed["drafts"] == [] and signed["draft"] is None


def test_a_draft_does_not_write_over_another_machines(client: httpx.Client, make: People) -> None:
    upload(client, 1)
    reader = make("reader-1", "reader")
    path = f"/v1/reviews/items/{reader.claim(make_list(client, mode='assisted'))['id']}"

    def save(words: str, **after: str | None) -> httpx.Response:
        return reader.call("PUT", f"{path}/draft", json={"text": words, **after})

    here = save("LVH", after=None).json()
    assert save("LVH", after=None).json()["saved_at"] == here["saved_at"], "an answer that was lost"
    there = save("LVH, LBBB", after=here["saved_at"]).json()
    for after in (None, here["saved_at"]):
        late = save("LVH, RBBB", after=after)
        assert (late.status_code, late.json()["type"]) == (409, "/problems/draft_changed")
    assert reader.get(path).json()["draft"] == "LVH, LBBB"
    assert save("LVH, RBBB", after=there["saved_at"]).status_code == 200
    assert save("RBBB").status_code == 200, "who does not say what it follows writes over it"
    assert [each["text"] for each in reader.get(path).json()["drafts"]] == ["RBBB", "LVH, RBBB", "LVH, LBBB", "LVH"]


def test_a_blind_reading_is_stored_blinded_and_its_change_is_not(client: httpx.Client, make: People) -> None:
    [ecg_id] = upload(client, 1)
    reader = make("reader-1", "reader")
    item = reader.claim(make_list(client))
    path = f"/v1/reviews/items/{item['id']}"
    early = reader.call("POST", f"{path}/sign", json={"text": "Atrial flutter"})
    assert early.json()["type"] == "/problems/not_locked"
    locked = reader.lock(item, "Atrial flutter")
    assert locked["machine"]["text"] == MACHINE and locked["first"]["blinded"] and locked["ecg_id"] == ecg_id
    assert [each["what"] for each in locked["shown"]] == ["machine"]
    assert reader.call("POST", f"{path}/lock", json={"text": "LVH"}).json()["type"] == "/problems/locked"
    unsaid = reader.call("POST", f"{path}/sign", json={"text": "Atrial flutter\nLBBB"})
    assert (unsaid.status_code, unsaid.json()["errors"][0]["field"]) == (422, "reason")
    assert reports_of(client, ecg_id) == [], "nothing is stored before it is signed"
    signed = reader.sign(item, "Atrial flutter\nLBBB", "the machine is right about the block")
    assert signed["state"] == "signed" and signed["first"]["text"] == "Atrial flutter"
    stored = reports_of(client, ecg_id)
    assert [(each["text"], each["blinded"], each["current"], each["version"]) for each in stored] == [
        ("Atrial flutter", "yes", False, 1),
        ("Atrial flutter\nLBBB", "no", True, 2),
    ]
    assert {each["reader"] for each in stored} == {"reader-1"} and {each["validated"] for each in stored} == {"yes"}
    assert stored[0]["authored_at"] == locked["first"]["locked_at"]
    table = client.get("/v1/disagreement", params={"blinded": "no"}).json()
    assert table["pairs"] == 1 and next(r for r in table["labels"] if r["label"] == "sinus_rhythm")["removed"] == 1
    reader.sign(item, "Atrial flutter\nLBBB")
    assert len(reports_of(client, ecg_id)) == 2, "the same words again are no version"
    again = reader.call("POST", f"{path}/sign", json={"text": "Atrial flutter"})
    assert again.status_code == 422, "a later version says why"
    assert len(reader.sign(item, "LBBB", "no F waves after all")["signed"]) == 2
    assert [each["text"] for each in reports_of(client, ecg_id) if each["current"]] == ["LBBB"]


def test_an_assisted_reading_shows_the_machines_and_is_not_blinded(client: httpx.Client, make: People) -> None:
    [ecg_id] = upload(client, 1)
    reader = make("reader-1", "reader")
    item = reader.claim(make_list(client, mode="assisted"))
    assert [(each["text"], each["labels"]) for each in item["machine"]["statements"]] == [
        ("Sinus rhythm", ["sinus_rhythm"]),
        ("Left bundle branch block", ["lbbb"]),
    ]
    answer = reader.call("POST", f"/v1/reviews/items/{item['id']}/lock", json={"text": "LVH"})
    assert answer.json()["type"] == "/problems/not_blind"
    reader.sign(item, "Sinus rhythm")
    [stored] = reports_of(client, ecg_id)
    assert (stored["blinded"], stored["validated"], stored["reader"]) == ("no", "yes", "reader-1")


def test_two_readers_who_differ_are_decided_by_a_third(client: httpx.Client, make: People) -> None:
    [ecg_id] = upload(client, 1)
    list_id = make_list(client, readings=2)
    first, second, third = (make(name, "reader") for name in ("first", "second", "third"))
    for reader, said in ((first, "Atrial flutter"), (second, "Atrial fibrillation")):
        item = reader.claim(list_id)
        assert item["task"] == "read"
        assert reader.lock(item, said)["ecg_id"] is None, "the other's reading could be looked up"
        assert reader.sign(item, said)["ecg_id"] == ecg_id
        assert reader.claim(list_id) is None, "no reader reads an ECG twice, or decides about the own reading"
    item = third.claim(list_id)
    assert item["task"] == "adjudicate"
    assert {each["text"] for each in item["others"]} == {"Atrial flutter", "Atrial fibrillation"}
    said = str({**item, "reader": None})
    assert "first" not in said.replace("'first'", "") and "second" not in said
    third.sign(item, "Atrial flutter")
    decided = [each for each in reports_of(client, ecg_id) if each["counts"]]
    assert [(each["text"], each["final"], each["reader"]) for each in decided] == [("Atrial flutter", True, "third")]


def test_two_readers_who_agree_need_nobody(client: httpx.Client, make: People) -> None:
    upload(client, 1)
    list_id = make_list(client, readings=2, mode="assisted")
    for name, said in (("first", "Atrial flutter"), ("second", "Aflutter")):
        reader = make(name, "reader")
        reader.sign(reader.claim(list_id), said)
    assert make("third", "reader").claim(list_id) is None


def test_a_second_reading_that_is_corrected_withdraws_the_question(client: httpx.Client, make: People) -> None:
    upload(client, 1)
    list_id = make_list(client, readings=2, mode="assisted")
    first, second = make("first", "reader"), make("second", "reader")
    items = []
    for reader, said in ((first, "Atrial flutter"), (second, "LVH")):
        items.append(reader.claim(list_id))
        reader.sign(items[-1], said)
    assert client.get(f"/v1/reviews/lists/{list_id}").json()["counts"]["adjudications_open"] == 1
    second.sign(items[1], "Atrial flutter", "seen again")
    assert client.get(f"/v1/reviews/lists/{list_id}").json()["counts"]["adjudications_open"] == 0


def test_a_released_item_is_free_and_a_closed_list_gives_nothing(client: httpx.Client, make: People) -> None:
    upload(client, 1)
    list_id, other = make_list(client), make_list(client, mode="assisted")
    first, second = make("first", "reader"), make("second", "reader")
    item = first.claim(list_id)
    elsewhere = first.call("POST", f"/v1/reviews/lists/{other}/claim")
    assert (elsewhere.status_code, elsewhere.json()["type"]) == (409, "/problems/claim_open")
    assert elsewhere.headers["Location"] == f"/v1/reviews/items/{item['id']}"
    assert first.get("/v1/reviews/open").json()["item"]["id"] == item["id"]
    assert first.call("POST", f"/v1/reviews/items/{item['id']}/release").status_code == 200
    assert first.get("/v1/reviews/open").json()["item"] is None
    assert second.claim(list_id)["id"] == item["id"]
    assert client.post(f"/v1/reviews/lists/{list_id}/close").json()["closed_at"] is not None
    assert second.lock(item, "LVH")["state"] == "locked", "what is held may be finished"
    closed = first.call("POST", f"/v1/reviews/lists/{list_id}/claim")
    assert closed.json()["type"] == "/problems/list_closed"


def test_who_may_do_what(client: httpx.Client, make: People) -> None:
    upload(client, 1)
    list_id = make_list(client)
    viewer, reader = make("viewer-1", "viewer"), make("reader-1", "reader")
    asked = {"name": "x", "mode": "blind", "rule": {"kind": "random"}}
    assert viewer.get("/v1/reviews/lists").status_code == 403
    assert viewer.call("POST", f"/v1/reviews/lists/{list_id}/claim").status_code == 403
    assert reader.call("POST", "/v1/reviews/lists", json=asked).status_code == 403
    assert reader.call("POST", f"/v1/reviews/lists/{list_id}/close").status_code == 403
    assert reader.get("/v1/reviews/gold").status_code == 403
    told = reader.get(f"/v1/reviews/lists/{list_id}").json()
    assert (told["rule"], told["filters"], told["gold_share"]) == (None, None, None)
    assert client.get(f"/v1/reviews/lists/{list_id}").json()["rule"] == {"kind": "random", "seed": 0}
