"""What a frozen dataset holds: the chosen ECGs, what is said of them in normal form, and nothing else."""

import json
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
from ml.labeling import builtin_labeler, builtin_text
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


# splits


@pytest.fixture
def folds(client: httpx.Client) -> list[str]:
    """Six over-read ECGs of three patients at two sites; the last one has no fold."""
    ids = []
    for number, ecg in enumerate(simulate(6, seed=4)):
        files = [("file", item) for item in write_wfdb(ecg.recording, "r").items()]
        metadata: dict[str, Any] = {"patient_id": f"p{number // 2}", "site": "north" if number < 4 else "south"}
        metadata |= {"recorded_at": f"2026-01-0{number + 1}T00:00:00Z", "fold": number + 1 if number < 5 else None}
        form = {"metadata": json.dumps(metadata), "overread_report": "LVH"}
        answer = client.post("/v1/ecgs", files=files, data=form)
        assert (answer.status_code, answer.json()["fold"]) == (201, metadata["fold"])
        ids.append(answer.json()["id"])
    return ids


def split_of(settings: Settings, job: dict[str, Any], ids: list[str]) -> list[str]:
    store = store_of(settings, job)
    of = dict(zip(store.column("ecg_id").tolist(), store.column("split").tolist(), strict=True))
    return [of[each] for each in ids]


def test_a_split_by_folds_that_the_source_gave(folds: list[str], freeze: Freeze, settings: Settings) -> None:
    job = freeze(split={"by": "fold", "validation": [4], "test": [5]})
    assert split_of(settings, job, folds) == ["train"] * 3 + ["validation", "test", "left_out"]
    assert (job["result"]["shared_patients"], job["result"]["left_out"]) == (1, {"no_fold": 1})


def test_a_split_by_site_and_by_date(folds: list[str], freeze: Freeze, settings: Settings) -> None:
    job = freeze(split={"by": "site", "test": ["south"]})
    assert split_of(settings, job, folds)[4:] == ["test", "test"]
    later = {"by": "date", "validation_from": "2026-01-03T00:00:00Z", "test_from": "2026-01-06T00:00:00Z"}
    refused = freeze(split=later)
    assert (refused["state"], refused["error"].split(";")[0]) == (
        "failed",
        "split.shared_patients: 1 patients would be in two splits",
    )
    job = freeze(split=later | {"shared_patients": "leave_out"})
    assert split_of(settings, job, folds) == ["train"] * 2 + ["validation"] * 2 + ["left_out", "test"]
    assert job["result"]["left_out"] == {"shared_patient": 1}


def test_a_split_by_record_counts_patients_in_two_splits(folds: list[str], freeze: Freeze) -> None:
    shared = [freeze(split={"by": by}, seed=1)["result"]["shared_patients"] for by in ("patient", "record")]
    assert shared[0] == 0 < shared[1]


@pytest.mark.parametrize(
    ("split", "field"),
    [
        ({"by": "fold", "test": [9]}, "split.test"),
        ({"by": "fold", "test": [1], "validation": [7]}, "split.validation"),
        ({"by": "fold", "test": [1], "train": [0]}, "split.train"),
        ({"by": "fold", "test": []}, "split.fold.test"),
        ({"by": "site", "test": ["east"]}, "split.test"),
        ({"by": "date", "test_from": "2027-01-01T00:00:00Z"}, "split.test_from"),
        ({"by": "date", "test_from": "2025-01-01T00:00:00Z"}, "split.test_from"),
        (
            {"by": "date", "test_from": "2026-01-02T12:00:00Z", "validation_from": "2026-01-02T11:00:00Z"},
            "split.validation_from",
        ),
    ],
)
def test_a_split_that_cannot_be_is_refused_by_its_field(
    client: httpx.Client, folds: list[str], split: dict[str, Any], field: str
) -> None:
    answer = client.post("/v1/datasets", json={"name": "d", "split": split})
    assert (answer.status_code, [error["field"] for error in answer.json()["errors"]]) == (422, [field])


def test_a_date_that_leaves_a_split_of_the_choice_empty_ends_the_job_before_windows_are_cut(
    folds: list[str], freeze: Freeze, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut: list[object] = []
    monkeypatch.setattr(tasks, "preprocess", lambda *given: cut.append(given))
    job = freeze(site="north", split={"by": "date", "test_from": "2026-01-05T00:00:00Z"})
    assert (job["state"], job["error"], cut) == ("failed", "split.test_from: the test split would be empty", [])


@pytest.mark.parametrize(("of_which", "expected"), [("codes", "rbbb"), ("words", "left axis deviation")])
def test_of_a_reading_with_codes_and_words_the_chosen_are_its_statements(of_which: Any, expected: str) -> None:
    says = tasks.Statements(builtin_labeler(), of_which)
    both = tasks.Reading("Left axis deviation", [{"system": "SCP", "code": "CRBBB"}], 0, 0)
    for reading, said in (
        (both, expected),
        (both._replace(text=None), "rbbb"),
        (both._replace(codes=None), "left axis deviation"),
    ):
        assert [statement.text for statement in says.of(reading) or ()] == [said]
    assert says.of(None) is None
