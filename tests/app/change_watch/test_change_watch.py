"""Days of an archive are counted once; alarms are rows, and go on when they are answered."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import numpy as np
import pytest
from sqlalchemy import text

from app.change_watch import counting, queries, service
from app.ecgs.service import Archive
from app.jobs.run import Workplace
from app.jobs.runner import Runner
from app.kit.database import Database
from app.settings import Settings
from app.steps import KINDS, SWEEP
from tests.app.change_watch.pairs import LABELS, StoredPair, store

NOBODY = "5b2c1b0e-0000-4000-8000-000000000000"
AFIB = 1 << LABELS.index("afib")
LVH = 1 << LABELS.index("lvh")
FIRST = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """A short reference and a generous rule: an archive of a test is small."""
    return settings.model_copy(update={"watch_reference_days": 20, "watch_false_alarms_a_year": 20.0})


def readings(day: int, *, removed: float, pairs: int = 10, software: str = "1.0", seed: int = 0) -> list[StoredPair]:
    """A day's pairs: the machine says atrial fibrillation in most, and some of them are removed."""
    random = np.random.default_rng([seed, day])
    made = []
    for number in range(pairs):
        machine = AFIB if number % 5 else LVH
        overread = 0 if machine == AFIB and random.random() < removed else machine
        at = FIRST + timedelta(days=day, hours=7, minutes=10 * number)
        made.append(StoredPair((machine, 0, overread, 0), at, site="north", device="cart", device_software=software))
    return made


def count(database: Database, settings: Settings, *, settled: bool = False) -> list[uuid.UUID]:
    alarms, more = [], True
    while more:
        with database.begin() as session:
            _, found, more = counting.count_some(session, settings, settled=settled)
        alarms += found
    return alarms


@pytest.fixture
def watched(client: httpx.Client, database: Database, settings: Settings) -> Iterator[httpx.Client]:
    """20 quiet days that make the reference, and days on which far more is removed."""
    quiet = [pair for day in range(20) for pair in readings(day, removed=0.1)]
    store(database, quiet + [pair for day in range(20, 34) for pair in readings(day, removed=0.8)])
    yield client


def test_before_anything_was_counted_the_watch_says_its_rule(client: httpx.Client) -> None:
    answer = client.get("/v1/change-watch").json()
    assert (answer["counted_to"], answer["charts"], answer["unanswered"]) == (None, 0, 0)
    assert (answer["false_alarms_a_year"], answer["reference_days"], answer["settle_days"]) == (20, 20, 3)
    page = client.get("/disagreement/watch", headers={"Accept": "text/html"}).text
    assert "Nothing has been counted yet" in page
    assert "No chart has rung" in page
    assert client.get("/v1/change-watch/streams").json() == {"items": [], "next_cursor": None}
    assert client.get("/v1/change-watch/alarms").json() == {"items": [], "next_cursor": None}


def test_a_rise_rings_once_and_is_told(watched: httpx.Client, database: Database, settings: Settings) -> None:
    started = watched.post("/v1/change-watch/counts")
    assert started.status_code == 202
    job = uuid.UUID(started.json()["id"])
    Runner(Workplace(settings, database, Archive.of(settings)), KINDS).run(job)
    result = watched.get(f"/v1/jobs/{job}").json()["result"]
    assert result == {"counted_to": "2026-02-07", "alarms": 1}

    [alarm] = watched.get("/v1/change-watch/alarms?unanswered=true").json()["items"]
    about = {name: alarm[name] for name in ("site", "device", "device_software", "label", "direction", "verdict")}
    assert about == {
        "site": "north",
        "device": "cart",
        "device_software": "1.0",
        "label": "afib",
        "direction": "removed",
        "verdict": None,
    }
    assert "2026-01-25" <= alarm["day"] <= "2026-02-07"
    assert (alarm["reference_readings"], alarm["readings"] > alarm["events"] > 0) == (160, True)

    overview = watched.get("/v1/change-watch").json()
    assert (overview["counted_to"], overview["unanswered"]) == ("2026-02-07", 1)
    [stream] = watched.get("/v1/change-watch/streams").json()["items"]
    assert (stream["pairs"], stream["first_day"], stream["unanswered"]) == (340, "2026-01-05", 1)
    charts = watched.get(f"/v1/change-watch/streams/{stream['id']}").json()["charts"]
    [rung] = [chart for chart in charts if chart["state"] == "ringing"]
    assert (rung["label"], rung["direction"]) == ("afib", "removed")
    assert rung["statistic"] >= rung["limit"] > 0

    page = watched.get("/disagreement/watch", headers={"Accept": "text/html"}).text
    assert f'data-api="/v1/change-watch/alarms/{alarm["id"]}/answer"' in page
    assert f'href="/disagreement/watch/{stream["id"]}"' in page
    page = watched.get(f"/disagreement/watch/{stream['id']}", headers={"Accept": "text/html"}).text
    assert "Atrial Fibrillation, removed" in page  # the chart that rang is the one that is drawn
    assert page.count("<svg") >= 2
    address = f"/disagreement/watch/{stream['id']}?label=lvh&direction=added"
    assert "LVH, added</h2>" in watched.get(address, headers={"Accept": "text/html"}).text
    address = f"/disagreement/watch/{stream['id']}?label=nothing"
    assert watched.get(address, headers={"Accept": "text/html"}).status_code == 404

    address = f"/disagreement/watch/{stream['id']}?label=afib&amp;direction=removed"
    html = {"Accept": "text/html"}
    for question, marks in (("", 2), ("?label=afib", 3), ("?label=lvh", 0), ("?number=kappa", 0), ("?site=north", 2)):
        page = watched.get(f"/disagreement/trend{question}", headers=html).text  # the pictures', and the list's address
        assert page.count(address) == marks, question
    assert "stroke-dasharray" in watched.get("/disagreement/trend.svg", headers=html).text
    assert watched.get("/disagreement/trend?site=south", headers=html).text.count(address) == 0

    entries = watched.get("/v1/audit?resource=change_alarm").json()["items"]
    assert [entry["action"] for entry in entries] == ["ring"]
    events = watched.get(f"/v1/jobs/{job}/events", headers={"Accept": "text/event-stream"}).text
    assert f'"change_alarm_id": "{alarm["id"]}"' in events or f'"change_alarm_id":"{alarm["id"]}"' in events

    assert count(database, settings) == []  # it is not counted, and does not ring, twice


def test_counts_are_those_of_the_table(watched: httpx.Client, database: Database, settings: Settings) -> None:
    count(database, settings)
    table = watched.get("/v1/disagreement").json()
    with database.begin() as session:
        [stream] = service.Present.of(session).streams
        days = queries.days(session, stream.id, newest=1000)
    assert sum(day.pairs for day in days) == table["pairs"] == 340
    for place, row in enumerate(table["labels"]):
        for name in ("machine", "added", "removed"):
            assert sum(getattr(day, name)[place] for day in days) == row[name]


def test_an_answer_lets_the_chart_go_on(watched: httpx.Client, database: Database, settings: Settings) -> None:
    [alarm] = count(database, settings)
    address = f"/v1/change-watch/alarms/{alarm}/answer"
    answered = watched.post(address, json={"verdict": "chance", "note": "A trainee."})
    assert answered.status_code == 200
    assert (answered.json()["verdict"], answered.json()["answered_by"]) == ("chance", "admin")
    assert watched.post(address, json={"verdict": "change"}).status_code == 409

    store(database, [pair for day in range(40, 60) for pair in readings(day, removed=0.8)])
    [again] = count(database, settings)  # the same reference, and it is still far above it
    assert watched.post(f"/v1/change-watch/alarms/{again}/answer", json={"verdict": "change"}).status_code == 200

    store(database, [pair for day in range(60, 90) for pair in readings(day, removed=0.8)])
    assert count(database, settings) == []  # it has learned that this is how it is now
    [stream] = watched.get("/v1/change-watch/streams").json()["items"]
    charts = watched.get(f"/v1/change-watch/streams/{stream['id']}").json()["charts"]
    [chart] = [each for each in charts if (each["label"], each["direction"]) == ("afib", "removed")]
    assert (chart["state"], chart["reference_from"]) == ("watching", "2026-03-06")
    assert chart["reference_events"] > 0.6 * chart["reference_readings"]


def test_a_new_software_version_compares_with_the_one_before(
    client: httpx.Client, database: Database, settings: Settings
) -> None:
    quiet = [pair for day in range(22) for pair in readings(day, removed=0.1)]
    store(database, quiet + [pair for day in range(22, 30) for pair in readings(day, removed=0.8, software="2.0")])
    [alarm] = count(database, settings)
    [rang] = client.get("/v1/change-watch/alarms").json()["items"]
    assert (rang["id"], rang["device_software"]) == (str(alarm), "2.0")
    newer, older = sorted(client.get("/v1/change-watch/streams").json()["items"], key=lambda each: each["pairs"])
    assert (newer["device_software"], newer["compared_with"]) == ("2.0", older["id"])
    assert older["compared_with"] is None


def test_what_comes_late_does_not_change_what_was_counted(
    client: httpx.Client, database: Database, settings: Settings
) -> None:
    store(database, [pair for day in range(22) for pair in readings(day, removed=0.1)])
    count(database, settings)
    [before] = client.get("/v1/change-watch/streams").json()["items"]
    store(database, readings(3, removed=1.0, seed=1, pairs=50))
    assert count(database, settings) == []
    assert client.get("/v1/change-watch/streams").json()["items"] == [before]


def test_workers_wait_until_over_reads_have_settled(
    client: httpx.Client, database: Database, settings: Settings
) -> None:
    store(database, [pair for day in range(3) for pair in readings(day, removed=0.1)])
    assert count(database, settings, settled=True) == []
    assert client.get("/v1/change-watch").json()["counted_to"] is None
    with database.begin() as session:  # all but those of the last day came long ago
        session.execute(
            text(
                "UPDATE reports SET created_at = now() - interval '4 days' WHERE ecg_id IN "
                "(SELECT id FROM ecgs WHERE recorded_at < '2026-01-07')"
            )
        )
    workplace = Workplace(settings, database, Archive.of(settings))
    for sweep in SWEEP:
        sweep(workplace)
    assert client.get("/v1/change-watch").json()["counted_to"] == "2026-01-06"
    [stream] = client.get("/v1/change-watch/streams").json()["items"]
    assert stream["pairs"] == 20


def test_today_is_not_counted(client: httpx.Client, database: Database, settings: Settings) -> None:
    now = datetime.now(UTC)
    store(database, [StoredPair((AFIB, 0, 0, 0), now), StoredPair((AFIB, 0, 0, 0), now - timedelta(days=1))])
    count(database, settings)
    assert [each["pairs"] for each in client.get("/v1/change-watch/streams").json()["items"]] == [1]


def test_who_may_do_what(client: httpx.Client, keys: dict[str, str]) -> None:
    viewer = {"Authorization": f"Bearer {keys['viewer']}"}
    assert client.get("/v1/change-watch", headers=viewer).status_code == 200
    assert client.post("/v1/change-watch/counts", headers=viewer).status_code == 403
    address = f"/v1/change-watch/alarms/{NOBODY}/answer"
    assert client.post(address, json={"verdict": "chance"}, headers=viewer).status_code == 403
    assert client.post(address, json={"verdict": "chance"}).status_code == 404
    wrong = client.post(address, json={"verdict": "perhaps"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "verdict")
    assert client.get(f"/v1/change-watch/streams/{NOBODY}").status_code == 404
