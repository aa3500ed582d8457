"""A triage rule from the request to its counts, and what makes it stale."""

import uuid
from collections.abc import Callable
from datetime import date
from typing import Any

import httpx
import numpy as np
import pytest
from sqlalchemy import text

from app.change_watch.tables import Watch, WatchAlarm, WatchStream
from app.discrepancy_models.tables import DiscrepancyModel
from app.ecgs.service import Archive
from app.jobs.run import Workplace
from app.jobs.runner import Runner
from app.kit.database import Database
from app.kit.folders import Folders
from app.models.starter import ensure_starter
from app.settings import Settings
from app.steps import KINDS
from app.vocabularies import queries as vocabularies
from ml.evaluation.risk import needed
from tests.ml.discrepancy.folders import make_folder, rows

NOBODY = "5b2c1b0e-0000-4000-8000-000000000000"
LABELS = ("afib", "lvh")
Asked = Callable[..., dict[str, Any]]


def pairs(seed: int, number: int, *, chance: bool = False) -> dict[str, Any]:
    """Pairs whose scores are right: the machine's atrial fibrillation is seldom removed, its hypertrophy often."""
    random = np.random.default_rng(seed)
    machine = random.random((number, 2)) < 0.5
    change = np.stack([np.full(number, 0.002), random.choice([0.01, 0.5], number)], axis=1)
    changed = random.random((number, 2)) < change
    if chance:
        change = random.random((number, 2))
    return rows(machine, machine ^ changed, change, LABELS)


@pytest.fixture
def put_model(client: httpx.Client, database: Database, settings: Settings) -> Callable[..., uuid.UUID]:
    """Register a discrepancy model with these held-out pairs, for what is in use."""

    def put(held_out: dict[str, Any], out_of_fold: dict[str, Any] | None = None) -> uuid.UUID:
        ensure_starter(database, Folders(settings.data_dir))
        made = uuid.uuid4()
        make_folder(settings.data_dir / "discrepancy" / str(made), LABELS, held_out, out_of_fold or pairs(1, 3000))
        with database.begin() as session:
            user = session.execute(text("SELECT id FROM users LIMIT 1")).scalar_one()
            starter = session.execute(text("SELECT id FROM models")).scalar_one()
            session.execute(
                text(
                    "INSERT INTO jobs (id, user_id, kind, queue, state, params, result, finished_at) "
                    "VALUES (:id, :user, 'discrepancy', 'cpu', 'succeeded', '{}', '{}', now())"
                ),
                {"id": made, "user": user},
            )
            vocabulary = vocabularies.active(session).id
            session.add(
                DiscrepancyModel(
                    id=made,
                    job_id=made,
                    name="m",
                    vocabulary_id=vocabulary,
                    model_id=starter,
                    simulated=False,
                    summary={},
                    measured={},
                )
            )
        return made

    return put


@pytest.fixture
def made(client: httpx.Client, database: Database, settings: Settings) -> Asked:
    """Ask for a rule, do its job, and return the rule."""

    def ask(**given: Any) -> dict[str, Any]:
        answer = client.post("/v1/triage-rules", json={"max_missed_change": 0.02, **given})
        assert answer.status_code == 202, answer.text
        Runner(Workplace(settings, database, Archive.of(settings)), KINDS).run(uuid.UUID(answer.json()["id"]))
        job = client.get(answer.headers["location"]).json()
        assert job["state"] == "succeeded", job["error"]
        rule: dict[str, Any] = client.get(f"/v1/triage-rules/{job['result']['triage_rule_id']}").json()
        return rule

    return ask


def test_a_rule_has_the_counts_behind_it(
    client: httpx.Client, put_model: Callable[..., uuid.UUID], made: Asked
) -> None:
    held_out = pairs(2, 3000)
    model = put_model(held_out)
    rule = made()
    assert (rule["discrepancy_model"], rule["stale"], rule["in_force"]) == (str(model), [], True)
    assert (rule["max_missed_change"], rule["level"], rule["of"]) == (0.02, 0.95, "passed")
    assert len(rule["assumes"]) == 5
    assert [line["label"] for line in rule["labels"]] == list(LABELS)
    for line, places in ((rule["labels"][0], [0]), (rule["labels"][1], [1]), (rule["whole"], [0, 1])):
        changed = np.zeros(3000, bool)
        for place in places:
            changed |= held_out[f"machine_{LABELS[place]}"] != held_out[f"overread_{LABELS[place]}"]
        scores = np.float32(held_out["change_any"] if len(places) == 2 else held_out[f"change_{LABELS[places[0]]}"])
        passed = scores <= line["threshold"]
        assert (line["reports"], line["patients"], line["changed"]) == (3000, 3000, changed.sum())
        assert (line["passed"], line["missed"]) == (passed.sum(), (passed & changed).sum())
        assert line["passing"] == pytest.approx(passed.mean(), abs=1e-4)
        assert line["missed_share"] < 0.02
        assert line["needed"] == needed(0.02, 0.95, 1)
    assert rule["labels"][0]["passing"] == 1  # seldom changed at all
    assert 0.4 < rule["labels"][1]["passing"] < 0.6  # those that are often removed do not pass
    assert client.get("/v1/triage-rules").json()["items"] == [rule]

    page = client.get("/disagreement/triage", headers={"Accept": "text/html"}).text
    assert "<strong>In force.</strong>" in page
    assert "Left" in page or "lvh" in page.lower()
    put_model(held_out)
    page = client.get(f"/disagreement/triage?rule={rule['id']}", headers={"Accept": "text/html"}).text
    assert "no report may pass unread" in page
    assert "another discrepancy model is in use" in page


def test_with_too_few_pairs_none_may_pass(put_model: Callable[..., uuid.UUID], made: Asked) -> None:
    put_model(pairs(3, 100))
    rule = made()
    assert {line["threshold"] for line in [rule["whole"], *rule["labels"]]} == {None}
    assert {line["why_none"] for line in [rule["whole"], *rule["labels"]]} == {"too_few"}
    assert (rule["whole"]["passed"], rule["whole"]["missed_share"]) == (0, None)


def test_scores_that_say_nothing_let_nothing_pass(put_model: Callable[..., uuid.UUID], made: Asked) -> None:
    put_model(pairs(4, 3000, chance=True), pairs(5, 3000, chance=True))
    line = made()["whole"]
    assert (line["threshold"], line["why_none"]) == (None, "not_shown")


def test_a_patient_with_many_reports_is_counted_few_times(put_model: Callable[..., uuid.UUID], made: Asked) -> None:
    held_out = pairs(6, 3000)
    held_out["patient"] = [f"p{number // 10}" for number in range(3000)]
    put_model(held_out)
    line = made(of="all")["whole"]
    assert (line["reports"], line["patients"], line["of_a_patient"]) == (900, 300, 3)


def test_it_goes_stale_by_itself(
    client: httpx.Client, database: Database, put_model: Callable[..., uuid.UUID], made: Asked
) -> None:
    put_model(pairs(2, 1000))
    address = f"/v1/triage-rules/{made()['id']}"
    put_model(pairs(2, 1000))
    assert client.get(address).json()["stale"] == ["discrepancy_model"]
    address = f"/v1/triage-rules/{made()['id']}"
    assert client.get(address).json()["in_force"]

    with database.begin() as session:  # the change watch rings
        stream = WatchStream(
            id=uuid.uuid4(),
            watch_id=uuid.uuid4(),
            site_id=0,
            device_id=0,
            device_software_id=0,
            first_day=date(2026, 1, 1),
            last_day=date(2026, 5, 1),
            pairs=1,
            charts=[],
        )
        session.add(Watch(id=stream.watch_id, vocabulary_id=vocabularies.active(session).id, simulated=False))
        session.flush()
        session.add(stream)
        session.flush()
        alarm = WatchAlarm(
            id=uuid.uuid4(),
            stream_id=stream.id,
            label="afib",
            direction="removed",
            day=date(2026, 5, 1),
            since=date(2026, 4, 1),
            **dict.fromkeys(("readings", "events", "reference_readings", "reference_events", "statistic", "limit"), 1),
        )
        session.add(alarm)
    assert client.get(address).json()["stale"] == ["change_watch"]
    answer = f"/v1/change-watch/alarms/{alarm.id}/answer"
    assert client.post(answer, json={"verdict": "chance"}).status_code == 200
    assert client.get(address).json()["stale"] == []

    with database.begin() as session:  # another model is promoted
        session.execute(
            text(
                "INSERT INTO models (id, origin, name, paradigm, preset, label_source, weights_sha256, metrics, manifest, "
                "promoted, promoted_at) SELECT gen_random_uuid(), 'uploaded', 'other', paradigm, preset, label_source, "
                "repeat('0', 64), metrics, manifest, true, now() FROM models"
            )
        )
    assert client.get(address).json()["stale"] == ["model", "discrepancy_model"]
    assert not client.get(address).json()["in_force"]


def test_without_a_discrepancy_model_there_is_no_rule(client: httpx.Client, keys: dict[str, str]) -> None:
    asked = {"max_missed_change": 0.02}
    answer = client.post("/v1/triage-rules", json=asked)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "discrepancy_model")
    answer = client.post("/v1/triage-rules", json={**asked, "discrepancy_model": NOBODY})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "discrepancy_model")
    answer = client.post("/v1/triage-rules", json={"max_missed_change": 0})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "max_missed_change")
    viewer = {"Authorization": f"Bearer {keys['viewer']}"}
    assert client.post("/v1/triage-rules", json=asked, headers=viewer).status_code == 403
    assert client.get("/v1/triage-rules", headers=viewer).json() == {"items": [], "next_cursor": None}
    assert client.get(f"/v1/triage-rules/{NOBODY}").status_code == 404
    page = client.get("/disagreement/triage", headers={"Accept": "text/html"})
    assert (page.status_code, "No rule yet" in page.text, "Make a rule" in page.text) == (200, True, True)
    page = client.get("/disagreement/triage", headers={**viewer, "Accept": "text/html"})
    assert (page.status_code, "Make a rule" in page.text) == (200, False)
