"""What a frozen dataset holds: the chosen ECGs, what is said of them in normal form, and nothing else."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import event, text

from app.datasets import tasks
from app.ecgs.service import Archive
from app.jobs.run import Workplace
from app.jobs.runner import Runner
from app.kit.database import Database
from app.settings import Settings
from app.steps import KINDS
from ml.corpus.simulator import simulate
from ml.corpus.store import Source, Store
from ml.formats.wfdb import write_wfdb
from ml.labeling import builtin_text
from ml.signals import preprocess
from tests.app.unanalysed import fill, whole_reads

READINGS = [
    {"machine_report": "AF\nLVH", "overread_report": "Atrial fibrillation\nNo LVH"},
    {"overread_report": "Vorhofflimmern"},
    {"machine_report": "Sinus rhythm"},
    {},
]


@pytest.fixture
def uploaded(client: httpx.Client) -> list[str]:
    ids = []
    for ecg, readings in zip(simulate(len(READINGS), seed=4), READINGS, strict=True):
        files = [("file", item) for item in write_wfdb(ecg.recording, "r").items()]
        answer = client.post("/v1/ecgs", files=files, data={"metadata": "{}", **readings})
        assert answer.status_code == 201
        ids.append(answer.json()["id"])
    return ids


Freeze = Callable[..., dict[str, Any]]


@pytest.fixture
def freeze(client: httpx.Client, settings: Settings, database: Database) -> Freeze:
    def freeze(**asked: Any) -> dict[str, Any]:
        url = client.post("/v1/datasets", json={"name": "d", **asked}).headers["location"]
        archive = Archive.of(settings)
        Runner(Workplace(settings, database, archive), KINDS).run(url.rpartition("/")[2])  # type: ignore[arg-type]
        job: dict[str, Any] = client.get(url).json()
        return job

    return freeze


def store_of(settings: Settings, job: dict[str, Any]) -> Store:
    return Store(Path(settings.datasets_dir) / job["result"]["dataset_id"])


def test_overread_ecgs_with_their_statements_in_normal_form(
    uploaded: list[str], freeze: Freeze, settings: Settings
) -> None:
    store = store_of(settings, freeze())
    ids = store.column("ecg_id").tolist()
    assert set(ids) == set(uploaded[:2])
    texts = [statement.text for statement in store.statements]
    both, one = (np.array([ids.index(ecg_id)]) for ecg_id in uploaded[:2])

    def says(reading: Source, row: NDArray[np.int64]) -> list[str]:
        return [texts[number] for number in store.said(reading).of_rows(row)[1]]

    assert says("overread", both) == ["atrial fibrillation", "no lvh"]
    assert says("machine", both) == ["atrial fibrillation", "lvh"]
    assert says("overread", one) == ["atrial fibrillation"]
    assert store.said("machine").known[[*both, *one]].tolist() == [True, False]
    assert store.vocabulary == builtin_text()


def test_a_dataset_of_what_nobody_has_overread(uploaded: list[str], freeze: Freeze, settings: Settings) -> None:
    store = store_of(settings, freeze(overread="absent"))
    assert set(store.column("ecg_id")) == set(uploaded[2:])
    assert not store.targets("overread", "positive")[1].any()
    assert sorted(store.targets("machine", "positive")[1].any(axis=1).tolist()) == [False, True]


def test_a_choice_without_an_ecg_fails_and_says_so(uploaded: list[str], freeze: Freeze) -> None:
    job = freeze(to="2000-01-01T00:00:00Z", overread="absent")
    assert (job["state"], "no real ECG of this choice without an over-read" in job["error"]) == ("failed", True)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "from"),
        ({"from": "2026-01-01T00:00:00Z", "to": "2025-01-01T00:00:00Z"}, "from"),
        ({"site": "nowhere"}, "site"),
        ({"device": "none"}, "device"),
    ],
)
def test_a_choice_that_can_match_nothing_is_refused(
    client: httpx.Client, uploaded: list[str], asked: dict[str, Any], field: str
) -> None:
    answer = client.post("/v1/datasets", json={"name": "d", **asked})
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, [field])


def test_an_ecg_whose_waveform_is_lost_is_left_out_and_counted(
    uploaded: list[str], freeze: Freeze, settings: Settings
) -> None:
    objects = sorted((settings.data_dir / "objects").rglob("*"), key=lambda path: path.name)
    waveforms = [path for path in objects if path.is_file()]
    whole = freeze()["result"]
    for path in waveforms:
        path.write_bytes(b"damaged")
    waveforms[0].unlink()
    job = freeze()
    assert whole["ecgs"] == 2 and job["state"] == "failed"
    assert "object_damaged" in job["error"] and str(settings.data_dir) not in job["error"]


def test_real_and_simulated_ecgs_are_kept_apart(
    client: httpx.Client, uploaded: list[str], freeze: Freeze, settings: Settings
) -> None:
    [ecg] = simulate(1, seed=9)
    files = [("file", item) for item in write_wfdb(ecg.recording, "r").items()]
    form = {"metadata": '{"simulated": true}', "overread_report": "LVH"}
    simulated = client.post("/v1/ecgs", files=files, data=form).json()["id"]

    def frozen(**asked: Any) -> tuple[set[str], bool]:
        job = freeze(**asked)
        return set(store_of(settings, job).column("ecg_id")), job["result"]["simulated"]

    assert frozen() == frozen(simulated=False) == (set(uploaded[:2]), False)
    assert frozen(simulated=True) == ({simulated}, True)


def test_without_a_real_ecg_the_simulated_ones_are_taken(client: httpx.Client, freeze: Freeze) -> None:
    [ecg] = simulate(1, seed=9)
    files = [("file", item) for item in write_wfdb(ecg.recording, "r").items()]
    form = {"metadata": '{"simulated": true}', "overread_report": "LVH"}
    client.post("/v1/ecgs", files=files, data=form)
    result = freeze()["result"]
    assert (result["ecgs"], result["simulated"]) == (1, True)


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_the_size_of_a_batch_changes_nothing(
    uploaded: list[str], freeze: Freeze, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    whole = freeze()["result"]["content_sha256"]
    monkeypatch.setattr(tasks, "BATCH", batch)
    assert freeze()["result"]["content_sha256"] == whole


def test_no_transaction_is_open_while_signals_are_worked_on(
    uploaded: list[str], freeze: Freeze, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted where the signals are cut, in the job's own pool of connections."""
    held: set[int] = set()  # connections of this thread; the heartbeat's is another's
    in_use: list[int] = []
    worker = threading.get_ident()

    def taken(connection: object, *_: object) -> None:
        if threading.get_ident() == worker:
            held.add(id(connection))

    def looked_at(*given: Any) -> Any:
        in_use.append(len(held))
        return preprocess(*given)

    event.listen(database.engine, "checkout", taken)
    event.listen(database.engine, "checkin", lambda connection, _: held.discard(id(connection)))
    monkeypatch.setattr(tasks, "preprocess", looked_at)
    assert freeze()["state"] == "succeeded"
    assert in_use == [0, 0]


def test_an_activation_in_between_ends_the_job(
    uploaded: list[str], freeze: Freeze, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dataset has one vocabulary; what was uploaded after another took its place was never read with it."""

    def activated(*given: Any) -> Any:
        with database.begin() as session:
            session.execute(text("UPDATE vocabularies SET state = 'inactive', slot = NULL WHERE state = 'active'"))
            session.execute(
                text(
                    "INSERT INTO vocabularies (id, version, outline, yaml, state, slot)"
                    " SELECT gen_random_uuid(), 'other', outline, yaml, 'active', 1 FROM vocabularies LIMIT 1"
                )
            )
        return preprocess(*given)

    monkeypatch.setattr(tasks, "BATCH", 1)
    monkeypatch.setattr(tasks, "preprocess", activated)
    job = freeze()
    assert (job["state"], "another vocabulary was activated" in job["error"]) == ("failed", True)


def test_no_query_of_a_freeze_reads_the_whole_archive(uploaded: list[str], freeze: Freeze, database: Database) -> None:
    """Beside an archive of reports that PostgreSQL has no statistics of, every ECG is looked up by an index."""
    fill(database)
    asked: list[tuple[str, Any]] = []
    event.listen(database.engine, "before_cursor_execute", lambda *given: asked.append((given[2], given[3])))
    assert freeze()["result"]["ecgs"] == 2
    looked_at = [each for each in asked if " reports" in each[0] and each[0].lstrip().startswith("SELECT")]
    assert len(looked_at) == 3  # the ECGs, and the readings of each source
    assert whole_reads(database.engine, looked_at) == []
