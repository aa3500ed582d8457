"""Archives whose errors are planted: ECGs with readings, and a discrepancy model's folder about them."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import insert, text

from app.discrepancy_models.tables import DiscrepancyModel
from app.ecgs.tables import Ecg
from app.kit.database import Database
from app.reports import queries
from app.reports import service as reports
from app.settings import Settings
from app.vocabularies.queries import active
from app.vocabularies.service import Labelers
from ml.labeling import builtin
from tests.ml.discrepancy.folders import make_folder, rows

KEYS = [label.key for label in builtin().labels]
SAYS = {"afib": "Atrial fibrillation", "rbbb": "Right bundle branch block", "lvh": "Left ventricular hypertrophy"}
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Known:
    """What an ECG is: what is true, what the machine says and who signed what, and how sure the model is."""

    id: uuid.UUID
    truth: set[str]
    machine: set[str]
    signed: dict[str, set[str]]
    patient: int
    probability: dict[str, float] = field(default_factory=dict)
    hedged: bool = False
    simulated: bool = False


def words(labels: set[str], *, hedged: bool = False) -> str:
    """Return a report's text."""
    lines = [f"Possible {SAYS[key].lower()}" if hedged else SAYS[key] for key in sorted(labels)]
    return "\n".join(lines or ["Normal ECG"])


def drawn(seed: int, number: int, *, wrong: float = 0.05, readers: int = 3) -> list[Known]:
    """Draw ECGs: some labels signed wrongly, a calibrated model, every fifth ECG a patient's second, some read twice."""
    rng = np.random.default_rng(seed)
    found = []
    for at in range(number):
        probability = {key: float(np.clip(rng.beta(0.15, 0.4), 0.001, 0.999)) for key in SAYS}
        truth = {key for key, p in probability.items() if rng.random() < p}
        by = [f"reader-{who}" for who in rng.permutation(readers)[: 2 if at % 4 == 0 else 1]]
        signed = {who: {key for key in SAYS if (key in truth) != (rng.random() < wrong)} for who in by}
        machine = {key for key in SAYS if (key in truth) != (rng.random() < 0.1)}
        ecg_id = uuid.UUID(bytes=rng.bytes(16))
        found.append(Known(ecg_id, truth, machine, signed, at - 1 if at % 5 == 4 else at, probability))
    return found


def store(database: Database, ecgs: list[Known]) -> None:
    """Store ECGs with their reports; the reader who is named last signs last, and counts."""
    said: list[tuple[Known, datetime, str, str, str]] = []  # ECG, when, source, reader, words
    for at, ecg in enumerate(ecgs):
        when = FIRST + timedelta(days=at)
        said.append((ecg, when, "machine", "", words(ecg.machine)))
        for who, (name, labels) in enumerate(ecg.signed.items()):
            said.append((ecg, when + timedelta(hours=who), "overread", name, words(labels, hedged=ecg.hedged)))
    with database.begin() as session:
        texts: dict[int, queries.Said] = {}
        numbers = queries.text_ids(session, [(each, None) for *_, each in said])
        texts |= {number: (each, None) for number, (*_, each) in zip(numbers, said, strict=True)}
        reports.label_new(session, Labelers().maintained(session), texts)
        rows = [
            {
                "id": ecg.id,
                "record": str(ecg.id),
                "patient_hash": ecg.patient.to_bytes(32, "big"),
                "recorded_at": FIRST + timedelta(days=at),
                "simulated": ecg.simulated,
            }
            for at, ecg in enumerate(ecgs)
        ]
        session.execute(insert(Ecg), rows)
        given = {"version": 1, "current": True}
        queries.add_reports(
            session,
            [
                {
                    **{"id": uuid.uuid4(), "ecg_id": ecg.id, "source": source, "reader": reader, **given},
                    **{"text_id": text_id, "authored_at": when},
                }
                for (ecg, when, source, reader, _), text_id in zip(said, numbers, strict=True)
            ],
        )


def last(ecg: Known) -> set[str]:
    """Return what the over-read that counts asserts."""
    return list(ecg.signed.values())[-1]


def model_of(settings: Settings, database: Database, ecgs: list[Known], **given: Any) -> uuid.UUID:
    """Store a discrepancy model, of which a fifth of the pairs is held out; return its id."""
    model_id = uuid.uuid4()
    held = len(ecgs) // 5

    def columns(of: list[Known]) -> dict[str, Any]:
        machine = np.array([[key in ecg.machine for key in KEYS] for ecg in of])
        overread = np.array([[key in last(ecg) for key in KEYS] for ecg in of])
        asserts = np.array([[ecg.probability.get(key, 0.001) for key in KEYS] for ecg in of])
        change = np.where(machine, 1 - asserts, asserts)
        return rows(machine, overread, change, KEYS, ecg_id=[str(ecg.id) for ecg in of])

    folder = settings.folders_dir / "discrepancy" / str(model_id)
    make_folder(folder, KEYS, columns(ecgs[:held]), columns(ecgs[held:]), vocabulary=builtin().version, **given)
    with database.begin() as session:
        session.execute(
            text(
                "INSERT INTO jobs (id, user_id, kind, queue, state, params, result, finished_at) "
                "SELECT :id, id, 'discrepancy', 'cpu', 'succeeded', '{}', '{}', now() FROM users LIMIT 1"
            ),
            {"id": model_id},
        )
        session.add(
            DiscrepancyModel(
                id=model_id,
                job_id=model_id,
                name="changes",
                vocabulary_id=active(session).id,
                simulated=False,
                summary={},
                measured={},
            )
        )
    return model_id
