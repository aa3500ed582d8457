"""Which ECGs each rule chooses, and in which order, against a slow count."""

import itertools
import math
import random
import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import insert, text

from app.auth.queries import user_named
from app.discrepancy_models.tables import DiscrepancyModel, PredictedChange
from app.ecgs.tables import Ecg
from app.kit.database import Database
from app.models.tables import Model
from app.predictions.tables import Prediction
from app.reports import service as reports
from app.reports.schemas import ReportIn
from app.reviews.lists.service import NUMBERS
from app.vocabularies.queries import active
from app.vocabularies.service import Labelers
from ml.labeling import Labeler, builtin
from ml.labeling.weights import weight_of
from tests.app.reviews.people import make_list

LABELS = builtin().labels
LABELER = Labeler(builtin())
SAID = ["Sinus rhythm", "Atrial fibrillation", "LBBB\nSinus rhythm", "LVH", "Normal ECG", "Possible RBBB"]


class Known(dict[str, Any]):
    """What is known of an ECG: machine, overread, predicted probabilities, site, recorded_at."""


@pytest.fixture
def archive(database: Database, client: httpx.Client) -> dict[str, Known]:
    """Forty ECGs, some over-read, some with predictions; a few without a waveform; one gold."""
    draw = random.Random(4)
    labelers = Labelers()
    found: dict[str, Known] = {}
    with database.begin() as session:
        rules = labelers.maintained(session)
        admin = user_named(session, "admin")
        assert admin is not None
        model = Model(
            id=uuid.uuid4(), origin="shipped", name="starter", paradigm="supervised", preset="tiny", metrics={},
            label_source="overread", weights_sha256="0" * 64, manifest={},
        )  # fmt: skip
        session.add(model)
        session.flush()
        for number in range(40):
            known = Known(machine=draw.choice(SAID), site=draw.choice(["north", "south"]), number=number)
            known["recorded_at"] = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=draw.randrange(300))
            known["waveform"] = number % 10 != 9
            ecg_id = uuid.UUID(int=draw.getrandbits(128))
            signal = (f"{number:064d}", 5000, 500.0) if known["waveform"] else (None, None, None)
            session.execute(
                insert(Ecg).values(
                    id=ecg_id, record=str(number), site=known["site"], recorded_at=known["recorded_at"],
                    **dict(zip(("waveform_sha256", "samples", "sampling_rate_hz"), signal, strict=True)),
                )
            )  # fmt: skip
            given = [ReportIn(source="machine", text=known["machine"])]
            if number % 3 == 0:
                known["overread"] = draw.choice(SAID)
                given.append(ReportIn(source="overread", reader="a", text=known["overread"]))
            for each in given:
                reports.add(session, "test", rules, ecg_id, given=each)
            if number % 2 == 0:
                known["predicted"] = {label.key: round(draw.random(), 3) for label in LABELS}
                labels = [
                    {"label": key, "name": key, "score": p, "probability": p, "threshold": 0.7, "positive": p >= 0.7}
                    for key, p in known["predicted"].items()
                ]
                session.add(
                    Prediction(
                        ecg_id=ecg_id, model_id=model.id, user_id=admin.id, state="answered",
                        answer={"windows": 1, "labels": labels},
                    )
                )  # fmt: skip
            found[str(ecg_id)] = known
    gold = next(ecg_id for ecg_id, known in found.items() if known["number"] == 12)
    assert client.put(f"/v1/reviews/gold/{gold}", json={"text": "LVH"}).status_code == 200
    return {ecg_id: known for ecg_id, known in found.items() if known["waveform"] and ecg_id != gold}


def chosen(database: Database, list_id: str) -> list[str]:
    with database.begin() as session:
        rows = session.scalars(
            text("SELECT ecg_id FROM review_items WHERE list_id = :list AND purpose = 'read' ORDER BY position"),
            {"list": list_id},
        )
        return [str(each) for each in rows]


def positive(words: str) -> set[str]:
    found = LABELER.read(words).findings
    return {finding.label for finding in found if finding.status in ("present", "uncertain")}


def change(known: Known) -> float:
    """How much the model would change the machine's report."""
    said = positive(known["machine"])
    weights = {label.key: NUMBERS[weight_of(label.key, label.weight)] for label in LABELS}
    return sum(
        weights[key] * abs(p - (key in said)) for key, p in known["predicted"].items() if (p >= 0.7) != (key in said)
    )


def test_by_predicted_change(client: httpx.Client, database: Database, archive: dict[str, Known]) -> None:
    found = chosen(database, make_list(client, rule={"kind": "predicted_change"}))
    scores = {ecg_id: change(known) for ecg_id, known in archive.items() if "predicted" in known}
    assert set(found) == {ecg_id for ecg_id, score in scores.items() if score > 0}
    ordered = [scores[ecg_id] for ecg_id in found]
    assert all(a >= b or math.isclose(a, b) for a, b in itertools.pairwise(ordered))
    assert len({round(score, 6) for score in ordered}) > 10


def test_by_expected_change_where_a_discrepancy_model_is_in_use(
    client: httpx.Client, database: Database, archive: dict[str, Known]
) -> None:
    draw = random.Random(9)
    weights = {label.key: NUMBERS[weight_of(label.key, label.weight)] for label in LABELS}
    job = client.post("/v1/datasets", json={"name": "d"}).json()["id"]
    expected: dict[str, float] = {}
    with database.begin() as session:
        model = session.scalars(text("SELECT id FROM models")).one()
        learned = DiscrepancyModel(
            job_id=uuid.UUID(job), name="d", vocabulary_id=active(session).id, model_id=model, simulated=False,
            summary={}, measured={},
        )  # fmt: skip
        session.add(learned)
        session.flush()
        for number, (ecg_id, known) in enumerate(sorted(archive.items())):
            if "predicted" not in known or number % 3 == 0:
                continue
            masks = LABELER.read(known["machine"]).masks()
            changes = [draw.random() for _ in LABELS]
            is_about_another_report = number % 3 == 1 and draw.random() < 0.3
            if not is_about_another_report:
                expected[ecg_id] = sum(weights[label.key] * p for label, p in zip(LABELS, changes, strict=True))
            session.add(
                PredictedChange(
                    discrepancy_model_id=learned.id, ecg_id=uuid.UUID(ecg_id), changes=changes, any_change=0.5,
                    machine_present=masks.present ^ is_about_another_report, machine_uncertain=masks.uncertain,
                )
            )  # fmt: skip
    found = chosen(database, make_list(client, rule={"kind": "predicted_change"}))
    first, rest = found[: len(expected)], found[len(expected) :]
    assert first == sorted(expected, key=lambda ecg_id: -expected[ecg_id]) and len(first) > 5
    others = {
        ecg_id: change(known)
        for ecg_id, known in archive.items()
        if "predicted" in known and ecg_id not in expected and change(known) > 0
    }
    assert set(rest) == set(others) and len(rest) > 5
    assert all(others[a] >= others[b] - 1e-9 for a, b in itertools.pairwise(rest))


def test_by_rarity(client: httpx.Client, database: Database, archive: dict[str, Known]) -> None:
    found = chosen(database, make_list(client, rule={"kind": "rarity"}))
    said = {ecg_id: positive(known["machine"]) for ecg_id, known in archive.items()}
    often = Counter(label for labels in said.values() for label in labels)
    rarest = {ecg_id: min(often[label] for label in labels) for ecg_id, labels in said.items() if labels}
    assert set(found) == set(rarest)
    assert [rarest[ecg_id] for ecg_id in found] == sorted(rarest.values())


def test_by_age_takes_what_nobody_has_read(client: httpx.Client, database: Database, archive: dict[str, Known]) -> None:
    found = chosen(database, make_list(client, rule={"kind": "age"}, ecgs=7, filters={"site": "north"}))
    unread = [
        (known["recorded_at"], ecg_id)
        for ecg_id, known in archive.items()
        if "overread" not in known and known["site"] == "north"
    ]
    assert found == [ecg_id for _, ecg_id in sorted(unread)][:7]


def test_at_random_is_the_same_for_a_seed(client: httpx.Client, database: Database, archive: dict[str, Known]) -> None:
    samples = [
        chosen(database, make_list(client, rule={"kind": "random", "seed": seed}, ecgs=10)) for seed in (1, 1, 2)
    ]
    assert samples[0] == samples[1] != samples[2] and set(samples[0]) <= set(archive)
    unread = chosen(database, make_list(client, filters={"only_unread": True}))
    assert set(unread) == {ecg_id for ecg_id, known in archive.items() if "overread" not in known}


@pytest.mark.parametrize("kind", ["added", "removed"])
def test_by_change(client: httpx.Client, database: Database, archive: dict[str, Known], kind: str) -> None:
    for label in ("sinus_rhythm", "lvh"):
        expected = set()
        for ecg_id, known in archive.items():
            if "overread" in known:
                machine, overread = (label in positive(known[each]) for each in ("machine", "overread"))
                if machine != overread and overread == (kind == "added"):
                    expected.add(ecg_id)
        assert expected
        assert (
            set(chosen(database, make_list(client, mode="assisted", rule={"kind": kind, "label": label}))) == expected
        )


def test_what_cannot_be_chosen_is_refused_by_its_field(client: httpx.Client, archive: dict[str, Known]) -> None:
    asked = {"name": "a list", "mode": "blind", "rule": {"kind": "random"}}
    for given, field in (
        ({"rule": {"kind": "added", "label": "unheard_of"}}, "rule.label"),
        ({"rule": {"kind": "added", "label": "lbbb"}}, "rule.kind"),
        ({"rule": {"kind": "removed", "label": "lbbb"}}, "rule.kind"),
        ({"rule": {"kind": "by_magic"}}, "rule"),
        ({"filters": {"site": "nowhere"}}, "filters.site"),
        ({"filters": {"recorded_from": "2026-02-01", "recorded_to": "2026-01-01"}}, "filters.from"),
        ({"filters": {"recorded_from": "2036-02-01"}}, "rule"),
        ({"ecgs": 5001}, "ecgs"),
        ({"readings": 3}, "readings"),
        ({"repeat_share": 0.6, "gold_share": 0.6}, "body"),
        ({"name": " "}, "name"),
    ):
        answer = client.post("/v1/reviews/lists", json={**asked, **given})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), answer.text
