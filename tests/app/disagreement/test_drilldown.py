"""The ECGs behind a number: all of them, each once, newest first, on any page size."""

import random
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from app.disagreement.drilldown import queries
from app.kit.database import Database
from tests.app.disagreement.archive import LABELS, StoredPair, store
from tests.app.disagreement.test_table import SEED, answered_filter, as_filter, random_pairs

UNKNOWN = datetime.min.replace(tzinfo=UTC)


def pages(client: httpx.Client, path: str, query: dict[str, Any]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor = None
    while True:
        answer = client.get(path, params=query | ({"cursor": cursor} if cursor else {}))
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["items"]) <= query["limit"]
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items


def directions(pair: StoredPair, hedged: str) -> dict[str, list[str]]:
    said = {label: pair.said(bit, hedged) for bit, label in enumerate(LABELS)}
    return {
        "added": [label for label, reading in said.items() if reading == (False, True)],
        "removed": [label for label, reading in said.items() if reading == (True, False)],
    }


def newest_first(pair: StoredPair) -> tuple[datetime, int]:
    return pair.recorded_at or UNKNOWN, pair.id.int


def test_the_ecgs_behind_any_cell_are_found_page_by_page(client: httpx.Client, database: Database) -> None:
    archive = random_pairs(random.Random(SEED), 300)
    store(database, archive)
    by_id = {str(pair.id): pair for pair in archive}
    draw = random.Random(SEED)
    for _ in range(60):
        label = draw.choice(LABELS)
        direction, hedged = draw.choice(["added", "removed", "both"]), draw.choice(["positive", "negative", "ignore"])
        filters = answered_filter(draw, archive)
        query = {**filters, "direction": direction, "hedged": hedged, "limit": draw.choice([1, 3, 100])}
        found = pages(client, f"/v1/disagreement/{label}/ecgs", query)
        wanted = {"added", "removed"} if direction == "both" else {direction}
        expected = [
            pair
            for pair in sorted(archive, key=newest_first, reverse=True)
            if pair.is_chosen(as_filter(filters)) and any(label in directions(pair, hedged)[name] for name in wanted)
        ]
        assert [item["ecg"]["id"] for item in found] == [str(pair.id) for pair in expected], query
        for item in found:
            pair = by_id[item["ecg"]["id"]]
            assert {name: item[name] for name in ("added", "removed")} == directions(pair, hedged)
            assert item["reader"] == pair.reader


def test_the_ecgs_that_a_source_called_are_found_however_few_are_looked_through(
    client: httpx.Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "LOOKED_THROUGH", (3, 40))
    archive = random_pairs(random.Random(SEED), 200)
    store(database, archive)
    draw = random.Random(SEED)
    for _ in range(40):
        bit = draw.randrange(len(LABELS))
        direction, hedged = (
            draw.choice(["machine", "overread", "agreed"]),
            draw.choice(["positive", "negative", "ignore"]),
        )
        filters = answered_filter(draw, archive)
        query = {**filters, "direction": direction, "hedged": hedged, "limit": draw.choice([1, 7, 100])}
        found = pages(client, f"/v1/disagreement/{LABELS[bit]}/ecgs", query)
        wanted = {
            "machine": {(True, False), (True, True)}, "overread": {(False, True), (True, True)}, "agreed": {(True, True)}
        }[direction]  # fmt: skip
        expected = [
            pair
            for pair in sorted(archive, key=newest_first, reverse=True)
            if pair.is_chosen(as_filter(filters)) and pair.said(bit, hedged) in wanted
        ]
        assert [item["ecg"]["id"] for item in found] == [str(pair.id) for pair in expected], query
        row = client.get("/v1/disagreement", params={**filters, "hedged": hedged}).json()["labels"][bit]
        assert len(found) == row[{"agreed": "both"}.get(direction, direction)]


def test_the_ecgs_behind_a_flow_are_as_many_as_it_says(client: httpx.Client, database: Database) -> None:
    archive = random_pairs(random.Random(SEED), 200)
    store(database, archive)
    flow = client.get("/v1/disagreement/flow", params={"simulated": False}).json()
    listed = 0
    for direction in ("removed", "added"):
        for row in flow[direction][:6]:
            path = f"/v1/disagreement/{row['label']}/ecgs"
            query = {"direction": direction, "simulated": False, "limit": 500}
            others = {other["label"]: other["pairs"] for other in row["others"][:3]} | {"nothing": row["alone"]}
            for other, expected in others.items():
                found = pages(client, path, {**query, "instead": other})
                assert len(found) == expected, (direction, row["label"], other)
                opposite = "added" if direction == "removed" else "removed"
                assert all(other in item[opposite] or (other == "nothing" and not item[opposite]) for item in found)
                listed += len(found)
    assert listed > 50


def test_what_was_read_instead_needs_a_direction_and_a_label(client: httpx.Client) -> None:
    for query in (
        {"instead": "afib"},
        {"instead": "afib", "direction": "machine"},
        {"instead": "x", "direction": "added"},
    ):
        answer = client.get("/v1/disagreement/rbbb/ecgs", params=query)
        assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == "query.instead"


def test_the_ecgs_with_most_changes_come_first(client: httpx.Client, database: Database) -> None:
    archive = random_pairs(random.Random(SEED), 200)
    store(database, archive)
    draw = random.Random(SEED)
    for _ in range(30):
        filters, hedged = answered_filter(draw, archive), draw.choice(["positive", "negative", "ignore"])
        found = pages(client, "/v1/disagreement/ecgs", {**filters, "hedged": hedged, "limit": draw.choice([1, 7, 100])})
        expected = sorted(
            (pair for pair in archive if pair.is_chosen(as_filter(filters)) and pair.changed(hedged)),
            key=lambda pair: (pair.changed(hedged), *newest_first(pair)),
            reverse=True,
        )
        assert [item["ecg"]["id"] for item in found] == [str(pair.id) for pair in expected]


def test_an_unknown_label_and_a_foreign_cursor_are_refused(client: httpx.Client) -> None:
    assert client.get("/v1/disagreement/nothing/ecgs").status_code == 404
    for path in ("/v1/disagreement/rbbb/ecgs", "/v1/disagreement/ecgs"):
        for cursor in ("x", "1.x", "²." + "x", "WyJ4Il0"):
            answer = client.get(path, params={"cursor": cursor})
            assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == "query.cursor"


def test_a_new_report_changes_the_pair_at_once(client: httpx.Client) -> None:
    from ml.corpus.simulator import simulate
    from ml.formats.wfdb import write_wfdb

    files = [("file", item) for item in write_wfdb(next(simulate(1, 9)).recording, "r").items()]
    known = '{"device_software": "12SL v23", "recorded_at": "2026-03-01T10:00:00Z"}'
    form = {"machine_report": "Atrial fibrillation", "overread_report": "Atrial fibrillation", "metadata": known}
    ecg = client.post("/v1/ecgs", files=files, data=form).json()
    assert ecg["device_software"] == "12SL v23"
    assert client.get("/v1/disagreement").json()["labels"][3]["disagreement"] == 0
    url = f"/v1/ecgs/{ecg['id']}/reports"
    said = {"source": "overread", "text": "Atrial flutter\nConfirmed by Dr Somebody"}
    report = client.post(url, json=said)
    assert (report.status_code, report.json()["version"]) == (201, 2) and "Somebody" not in report.text
    assert client.post(url, json=said).status_code == 200
    rows = client.get("/v1/disagreement", params={"device_software": "12SL v23"}).json()["labels"]
    assert (rows[3]["removed"], rows[4]["added"]) == (1, 1)
    item = client.get("/v1/disagreement/aflutter/ecgs").json()["items"][0]
    assert (item["added"], item["removed"]) == (["aflutter"], ["afib"])
    words = {report["source"]: report for report in item["reports"]}
    finding = words["overread"]["findings"][0]
    assert words["overread"]["text"][finding["start"] : finding["end"]] == "Atrial flutter"
    # what was not known before moves the pair to where it belongs
    again = {"metadata": '{"site": "north", "sex": "female", "age": 67}'}
    assert client.post("/v1/ecgs", files=files, data=again).status_code == 200
    for query in ({"site": "north"}, {"sex": "female"}, {"age_min": 67, "age_max": 67}, {"sex": "male"}):
        pairs = client.get("/v1/disagreement", params=query).json()["pairs"]
        assert pairs == len(client.get("/v1/disagreement/afib/ecgs", params=query).json()["items"])
        assert pairs == (query != {"sex": "male"})
    assert [r["current"] for r in client.get(url).json()["items"]] == [True, False, True]
    coded = client.post(url, json={"source": "overread", "codes": [{"system": "SCP", "code": "AFIB"}]})
    assert coded.json()["findings"][0]["label"] == "afib"
    assert client.get("/v1/disagreement/aflutter/ecgs").json()["items"] == []
