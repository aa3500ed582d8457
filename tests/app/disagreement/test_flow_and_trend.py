"""What was read instead, month by month, and in words: against counting one by one."""

import csv
import io
import random
import uuid
from collections import Counter
from typing import Any

import httpx
from sqlalchemy import text

from app.kit.database import Database
from app.reports import service as reports
from app.reports.schemas import ReportIn
from app.vocabularies.service import Labelers
from tests.app.disagreement.archive import LABELS, counted, store
from tests.app.disagreement.test_drilldown import directions
from tests.app.disagreement.test_table import SEED, answered_filter, as_filter, random_pairs


def test_flow_says_what_was_read_instead(client: httpx.Client, database: Database) -> None:
    archive = random_pairs(random.Random(SEED), 300)
    store(database, archive)
    draw = random.Random(SEED)
    for _ in range(10):
        filters, hedged = answered_filter(draw, archive), draw.choice(["positive", "negative", "ignore"])
        flow = client.get("/v1/disagreement/flow", params={**filters, "hedged": hedged}).json()
        chosen = [directions(pair, hedged) for pair in archive if pair.is_chosen(as_filter(filters))]
        assert flow["pairs"] == len(chosen)
        for side, other in (("removed", "added"), ("added", "removed")):
            for row in flow[side]:
                pairs = [changed for changed in chosen if row["label"] in changed[side]]
                others = Counter(label for changed in pairs for label in changed[other])
                assert row["pairs"] == len(pairs) and row["alone"] == sum(not changed[other] for changed in pairs)
                assert {cell["label"]: cell["pairs"] for cell in row["others"]} == others
                sizes = [cell["pairs"] for cell in row["others"]]
                assert sizes == sorted(sizes, reverse=True)


def test_trend_is_the_table_of_each_month(client: httpx.Client, database: Database) -> None:
    archive = random_pairs(random.Random(SEED), 300)
    store(database, archive)
    trend = client.get("/v1/disagreement/trend", params={"site": "north", "label": ["rbbb", "lvh"]}).json()
    chosen = [pair for pair in archive if pair.site == "north" and not pair.simulated]
    assert trend["undated"] == sum(pair.recorded_at is None for pair in chosen)
    assert [label["label"] for label in trend["labels"]] == ["rbbb", "lvh"]
    months = sorted({str(pair.group("month")) for pair in chosen if pair.recorded_at})
    assert [month["month"] for month in trend["months"]] == months
    for at, month in enumerate(months):
        expected = counted([pair for pair in chosen if pair.group("month") == month], "positive")
        assert trend["months"][at]["differing"] == expected["differing"]
        for label in trend["labels"]:
            point = label["points"][at]
            both, added, removed, _ = expected["labels"][label["label"]]
            assert (point["month"], point["both"], point["added"], point["removed"]) == (month, both, added, removed)
            assert point["ppv"] is None or point["ppv_ci"][0] <= point["ppv"] <= point["ppv_ci"][1]
    assert len(client.get("/v1/disagreement/trend").json()["labels"]) == len(LABELS)
    assert client.get("/v1/disagreement/trend", params={"label": "nothing"}).status_code == 422


def lines(client: httpx.Client, path: str, **query: Any) -> list[dict[str, str]]:
    answer = client.get(f"/v1/disagreement/{path}", params=query, headers={"accept": "text/csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


def test_trend_and_flow_are_csv_on_request(client: httpx.Client, database: Database) -> None:
    store(database, random_pairs(random.Random(SEED), 100))
    query = {"simulated": True, "label": ["rbbb", "lvh"]}
    points = [
        {"label": label["label"], **point}
        for label in client.get("/v1/disagreement/trend", params=query).json()["labels"]
        for point in label["points"]
    ]
    trend = lines(client, "trend", **query)
    assert points and [(line["label"], line["month"], int(line["added"])) for line in trend] == [
        (point["label"], point["month"], point["added"]) for point in points
    ]
    assert {line["simulated"] for line in trend} == {"true"}
    flow = client.get("/v1/disagreement/flow").json()
    found = lines(client, "flow")
    assert [
        (
            line["change"],
            line["label"],
            int(line["pairs"]),
            int(line["alone"]),
            line["other_label"],
            line["other_pairs"],
        )
        for line in found
    ] == [
        (change, row["label"], row["pairs"], row["alone"], other.get("label", ""), str(other.get("pairs", "")))
        for change in ("removed", "added")
        for row in flow[change]
        for other in row["others"] or [{}]
    ]
    assert {line["simulated"] for line in found} == {"false"}


READINGS = [
    ("Sinus rhythm\nAF", "Atrial fibrillation\nLVH"),  # sinus removed, LVH added; AF is the same statement
    ("Sinus rhythm\nHeart rate 71", "AF\nHeart rate 64"),  # a number is no other statement
    ("Sinus rhythm\nNonspecific T wave abnormality", "Sinus rhythm"),  # no label differs
    ("LVH", "LVH"),
]


def test_statements_say_which_words_experts_add_and_remove(client: httpx.Client, database: Database) -> None:
    labelers = Labelers()
    for minute, (machine, overread) in enumerate(READINGS):
        ecg_id = uuid.uuid4()
        with database.begin() as session:
            session.execute(
                text(
                    "INSERT INTO ecgs (id, waveform_sha256, samples, sampling_rate_hz, recorded_at) "
                    "VALUES (:id, :sha, 5000, 500, timestamptz '2026-01-01Z' + :minute * interval '1 minute')"
                ),
                {"id": ecg_id, "sha": ecg_id.hex * 2, "minute": minute},
            )
            for source, words in (("machine", machine), ("overread", overread)):
                reading = ReportIn(source=source, text=words)
                reports.add(session, "test", labelers.maintained(session), ecg_id, given=reading)

    def statements(**query: Any) -> dict[str, Any]:
        answer = client.get("/v1/disagreement/statements", params=query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    said = statements()
    assert (said["read"], said["complete"]) == (2, True)
    assert {item["statement"]: item["ecgs"] for item in said["removed"]} == {"sinus rhythm": 2}
    assert {item["statement"]: item["ecgs"] for item in said["added"]} == {"atrial fibrillation": 1, "lvh": 1}
    assert (said["removed"][0]["pct"], said["removed"][0]["pct_ci"][1]) == (100, 100)
    for item in said["added"] + said["removed"]:
        place = item["example"]
        ecg = client.get(f"/v1/ecgs/{place['ecg_id']}").json()
        report = next(report for report in ecg["reports"] if report["id"] == place["report_id"])
        assert report["text"][place["start"] : place["end"]] == place["text"]
    newest = statements(sample=1)
    assert (newest["read"], newest["complete"]) == (1, False) and newest["added"][0]["statement"] == (
        "atrial fibrillation"
    )
    assert statements(label="lvh", direction="added")["read"] == 1
    assert statements(label="lvh", direction="removed") == statements(sex="male")
    assert client.get("/v1/disagreement/statements", params={"label": "nothing"}).status_code == 422
