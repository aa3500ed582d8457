"""Exports: what they hold is what the archive holds, they give the same bytes, and they go in again."""

import csv
import hashlib
import io
import json
import tarfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import httpx
import numpy as np
import pandas
import pyarrow.parquet as pq
import pytest
import wfdb
from fastapi.testclient import TestClient
from sqlalchemy import text
from typer.testing import CliRunner

from app.auth import service as auth
from app.cli import cli
from app.disagreement.statistics import LEFT_OUT
from app.ecgs.patients import PatientHasher
from app.ecgs.service import Archive
from app.exports import service
from app.exports.columns import TABLES
from app.exports.tasks import remove_old
from app.imports.counts import Pace
from app.imports.importer import Importer
from app.imports.places import Places
from app.imports.service import import_archive
from app.imports.source import Source
from app.jobs.run import Workplace
from app.jobs.runner import Runner
from app.kit.database import Database
from app.settings import Settings
from app.steps import KINDS
from ml.corpus.simulator import simulate
from ml.formats import read as read_files
from ml.formats import waveform
from ml.formats.wfdb import write_wfdb
from ml.labeling import builtin_labeler
from tests.app.application import application
from tests.conftest import _run, _with_name, drop

RUN = CliRunner()
SAID = ["Ritmo sinusal normal. Bloqueo completo de rama derecha.", "Sinus rhythm", "Atrial fibrillation", "Possible inferior infarct", "Left bundle branch block", "Normal ECG, \"q\"",
        "Sinus rhythm\nLVH, not RBBB", "Agree with computer interpretation", "Vorhofflattern",
        "ECG not interpretable due to artifact"]  # fmt: skip
EVERYTHING = ("pairs", "findings", "reports", "measurements", "waveforms")


def manifest(folder: Path) -> Path:
    """A manifest of 60 ECGs with every column, some of them with a waveform, and a second reader of some."""
    random = Random(7)
    rows = []
    recordings = [each.recording for each in simulate(6, seed=3)]
    for number in range(60):
        name = f"north/{number:03d}"
        row: dict[str, Any] = {
            "record": name,
            "machine_text": random.choice(SAID[:7]),
            "machine_authored_at": f"2025-0{1 + number % 9}-11T04:05:06.5Z",
            "reader": random.choice(["dr-a", "dr-b", ""]),
            "authored_at": f"2026-01-{1 + number % 27:02d}T10:00:00Z",
            "blinded": random.choice(["yes", "no", "unknown"]),
            "validated": random.choice(["yes", ""]),
            "patient_id": str(1000 + number // 2),
            "order_id": f"o{number}" if number % 3 else "",
            "recorded_at": f"2025-0{1 + number % 9}-11T0{number % 10}:05:06Z" if number % 7 else "",
            "site": random.choice(["north", "south", ""]),
            "location": random.choice(["ward 3", "emergency", ""]),
            "device": "MAC 2000",
            "device_software": random.choice(["12SL v23", ""]),
            "age": random.choice([33, 61.5, ""]),
            "sex": random.choice(["male", "female", ""]),
            "simulated": "false",
            "heart_rate": random.choice([72.1, 55, ""]),
            "qrs_axis": random.choice([-45, 10.3, ""]),
            "qt_ms": random.choice([400, ""]),
            "qtc_ms": random.choice([420.5, ""]),
            "qtc_formula": random.choice(["bazett", ""]),
        }
        if number % 5:
            row["overread_text"] = random.choice(SAID)
        else:
            row["overread_codes"] = random.choice(["12SL:ASMI;AU SCP:LVH@0.5", "SCP:AFIB", "12SL:PO 12SL:IMI"])
        if number < len(recordings):
            for ending, content in write_wfdb(recordings[number], f"r{number}").items():
                (folder / ending).write_bytes(content)
            row["path"] = f"r{number}.hea"
        rows.append(row)
        if number % 10 == 4:
            again = {key: row[key] for key in ("record", "patient_id")}
            rows.append({**again, "overread_text": "RBBB", "reader": "dr-z", "authored_at": "2026-02-01T10:00:00Z"})
    path = folder / "manifest.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, sorted({name for row in rows for name in row}))
        writer.writeheader()
        writer.writerows(rows)
    return path


def bring(database: Database, settings: Settings, path: Path) -> Any:
    archive = Archive.of(settings)
    folder = Places(archive.hash_patient).folder("manifest", path)
    source = Source(path=path, folder=folder, kind="manifest", options={}, again=False, waveforms=True)
    with Importer(database, settings, archive, Pace(lambda *_: None, 60)) as importer:
        done = import_archive(importer, "test", source, import_id=uuid.uuid4(), database=database)
    assert done.refused == {}
    return done


@pytest.fixture
def filled(database: Database, settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "given"
    folder.mkdir()
    with database.begin() as session:
        session.execute(text("INSERT INTO sites VALUES ('north', 'Europe/Berlin')"))
    bring(database, settings, manifest(folder))


@pytest.fixture
def runner(settings: Settings, database: Database) -> Runner:
    return Runner(Workplace(settings, database, Archive.of(settings)), KINDS)


@pytest.fixture
def elsewhere(template: tuple[str, str], tmp_path: Path) -> Iterator[tuple[Database, Settings]]:
    """Another, empty service."""
    server, source = template
    name = f"test_{uuid.uuid4().hex[:12]}"
    _run(server, f"CREATE DATABASE {name} TEMPLATE {source}")
    settings = Settings(data_dir=tmp_path / "elsewhere", database_url=_with_name(server, name), _env_file=None)
    assert PatientHasher(settings).fingerprint
    database = Database(settings)
    yield database, settings
    database.close()
    drop(server, name)


def exported(client: httpx.Client, runner: Runner, **asked: Any) -> tuple[str, dict[str, Any]]:
    answer = client.get("/v1/export", params=asked)
    assert answer.status_code == 202, answer.text
    job_id = answer.headers["location"].rsplit("/", 1)[1]
    runner.run(uuid.UUID(job_id))
    job = client.get(f"/v1/jobs/{job_id}").json()
    assert job["state"] == "succeeded", job
    return job_id, job["result"]


def fetched(client: httpx.Client, job_id: str, result: dict[str, Any], folder: Path) -> Path:
    folder.mkdir()
    for each in result["files"]:
        answer = client.get(f"/v1/exports/{job_id}/{each['name']}")
        assert answer.status_code == 200, answer.text
        assert (len(answer.content), hashlib.sha256(answer.content).hexdigest()) == (each["bytes"], each["sha256"])
        (folder / each["name"]).write_bytes(answer.content)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("filled")
def test_tables_hold_what_the_archive_holds(
    client: httpx.Client, runner: Runner, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "PART", 7)
    job_id, result = exported(client, runner, what=EVERYTHING, text=True)
    folder = fetched(client, job_id, result, tmp_path / "out")
    pairs = pandas.read_parquet(folder / "pairs.parquet")
    table = client.get("/v1/disagreement").json()
    assert len(pairs) == result["pairs"] == result["rows"]["pairs.parquet"]
    assert pairs["left_out"].isna().sum() == table["pairs"]
    left_out = table["unread"]["machine"], table["unread"]["overread"], table["unreadable"]
    assert tuple(pairs["left_out"].str.contains(reason).sum() for reason in LEFT_OUT) == left_out
    assert min(left_out) > 0
    assert pq.ParquetFile(folder / "pairs.parquet").num_row_groups == -(-len(pairs) // 7)
    assert list(pairs["ecg_id"]) == sorted(pairs["ecg_id"])
    for row in table["labels"]:
        label = row["label"]
        machine, overread = pairs[f"{label}_machine"].notna(), pairs[f"{label}_overread"].notna()
        counted = machine.sum(), overread.sum(), (overread & ~machine).sum(), (machine & ~overread).sum()
        assert counted == (row["machine"], row["overread"], row["added"], row["removed"])
        assert sum(label in each for each in pairs["added"]) == row["added"]
        assert sum(label in each for each in pairs["removed"]) == row["removed"]
    with database.begin() as session:
        stored = session.execute(
            text(
                "SELECT e.*, p.hour, p.weekday FROM ecgs e JOIN pairs p ON p.ecg_id = e.id ORDER BY e.id"
            )
        ).mappings().all()  # fmt: skip
    for (_, row), ecg in zip(pairs.iterrows(), stored, strict=True):
        assert row["ecg_id"] == str(ecg["id"])
        assert row["record"] == ecg["record"]
        assert row["patient_hash"] == ecg["patient_hash"].hex()
        for name in ("site", "location", "device_software", "heart_rate", "qrs_axis", "qtc_formula", "age"):
            assert (None if pandas.isna(row[name]) else row[name]) == ecg[name], name
        assert (None if pandas.isna(row["recorded_at"]) else row["recorded_at"].to_pydatetime()) == ecg["recorded_at"]
        assert (-1 if pandas.isna(row["hour"]) else row["hour"]) == ecg["hour"]
        assert (-1 if pandas.isna(row["weekday"]) else row["weekday"]) == ecg["weekday"]
    findings = pandas.read_parquet(folder / "findings.parquet")
    reports = pandas.read_parquet(folder / "reports.parquet").set_index("report_id")
    labeler = builtin_labeler()
    for report_id, report in reports.iterrows():
        if isinstance(report["text"], str) and report["stance"] == "read":
            read = {
                (each.label, each.status, each.start, each.end, each.text)
                for each in labeler.read(report["text"]).findings
            }
            rows = findings[findings["report_id"] == report_id]
            assert set(rows[["label", "status", "start", "end", "text"]].itertuples(index=False, name=None)) == read
    measured = pandas.read_parquet(folder / "measurements.parquet")
    names = ("heart_rate", "qrs_axis", "qt_ms", "qtc_ms")
    assert set(measured["ecg_id"]) == {str(ecg["id"]) for ecg in stored if any(ecg[name] is not None for name in names)}


@pytest.mark.usefixtures("filled")
def test_filters_are_those_of_the_table(
    client: httpx.Client, runner: Runner, settings: Settings, tmp_path: Path
) -> None:
    for number, asked in enumerate(
        (
            {"site": "north"},
            {"reader": Archive.of(settings).hash_patient.pseudonym("reader", "dr-a")},
            {"age_min": 40, "sex": "male"},
            {"off_hours": True, "heart_rate_min": 60},
            {"from": "2025-03-01T00:00:00Z"},
        )
    ):
        job_id, result = exported(client, runner, **asked)
        pairs = pandas.read_parquet(fetched(client, job_id, result, tmp_path / str(number)) / "pairs.parquet")
        counted = pairs["left_out"].isna().sum()
        assert counted == client.get("/v1/disagreement", params=asked).json()["pairs"] > 0
        said = json.loads(client.get(f"/v1/exports/{job_id}/schema.json").text)["filters"]
        assert said == {"simulated": False, **asked}
    assert client.get("/v1/export", params={"site": "nowhere"}).json()["errors"][0]["field"] == "query.site"
    assert client.get("/v1/export", params=[("what", "pairs"), ("what", "pairs")]).status_code == 422
    assert client.get("/v1/export", params={"what": "everything"}).status_code == 422


@pytest.mark.usefixtures("filled")
def test_the_same_snapshot_gives_the_same_bytes(client: httpx.Client, runner: Runner, tmp_path: Path) -> None:
    first, second = (
        contents(fetched(client, *exported(client, runner, what=EVERYTHING, text=True), tmp_path / name))
        for name in "ab"
    )
    assert first.keys() == {"pairs.parquet", "findings.parquet", "reports.parquet", "measurements.parquet",
                            "waveforms.tar", "schema.json", "README.md"}  # fmt: skip
    assert first == second


@pytest.mark.usefixtures("filled")
def test_each_table_opens_in_one_line(
    client: httpx.Client, runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    import datasets

    job_id, result = exported(client, runner, what=list(TABLES))
    folder = fetched(client, job_id, result, tmp_path / "out")
    for table in TABLES.values():
        path = str(folder / table.file)
        rows = result["rows"][table.file]
        assert len(pandas.read_parquet(path)) == rows > 0
        assert duckdb.sql(f"SELECT count(*) FROM '{path}'").fetchall() == [(rows,)]
        loaded = datasets.load_dataset("parquet", data_files=path, cache_dir=str(tmp_path / "cache"))
        assert loaded["train"].num_rows == rows
        schema = pq.read_schema(path)
        described = json.loads((folder / "schema.json").read_text(encoding="utf-8"))["tables"][table.file]["columns"]
        assert [column["name"] for column in described] == schema.names
        for column in described:
            metadata = schema.field(column["name"]).metadata
            assert metadata[b"meaning"].decode() == column["meaning"]
            assert metadata.get(b"unit", b"").decode() == column.get("unit", "")
            assert f"| `{column['name']}` |" in (folder / "README.md").read_text(encoding="utf-8")
    about = json.loads(pq.read_schema(folder / "pairs.parquet").metadata[b"overread"])
    assert about["vocabulary"] == "overread-2"
    assert about["time_zones"] == {"north": "Europe/Berlin"}
    assert about["filters"] == {"simulated": False}


@pytest.mark.usefixtures("filled")
def test_waveforms_are_the_same_when_they_are_read_again(client: httpx.Client, runner: Runner, tmp_path: Path) -> None:
    job_id, result = exported(client, runner, what=["pairs", "waveforms"])
    folder = fetched(client, job_id, result, tmp_path / "out")
    with tarfile.open(folder / "waveforms.tar") as tar:
        tar.extractall(folder, filter="data")
    paths = list(pandas.read_parquet(folder / "pairs.parquet")["path"].dropna())
    assert len(paths) == result["waveforms"] == 6
    for path in paths:
        header = folder / path
        recording = read_files(
            {each.name: each.read_bytes() for each in header.parent.glob(f"{header.stem}.*")}
        ).recording
        stored = client.get(f"/v1/ecgs/{header.stem}").json()
        assert waveform.digest(recording) == stored["waveform_sha256"]
        record = wfdb.rdrecord(str(header.with_suffix("")))
        np.testing.assert_allclose(record.p_signal.T, recording.millivolts(), atol=1e-12)


@pytest.mark.usefixtures("filled")
def test_text_is_for_admins(client: httpx.Client, runner: Runner, keys: dict[str, str], tmp_path: Path) -> None:
    with_text, _ = exported(client, runner, what=["pairs", "reports", "findings"], text=True)
    without, result = exported(client, runner, what=["pairs", "reports", "findings"])
    for name in ("pairs.parquet", "reports.parquet", "findings.parquet"):
        names = pq.read_schema(io.BytesIO(client.get(f"/v1/exports/{without}/{name}").content)).names
        assert not {"text", "cue", "machine_text", "overread_text"} & set(names)
    said = b"".join(contents(fetched(client, without, result, tmp_path / "out")).values())
    assert b"Agree with computer" not in said
    researcher = {"Authorization": f"Bearer {keys['researcher']}"}
    assert client.get("/v1/export", params={"text": True}, headers=researcher).status_code == 403
    assert client.get(f"/v1/exports/{with_text}/pairs.parquet", headers=researcher).status_code == 403
    assert client.get(f"/v1/exports/{without}/pairs.parquet", headers=researcher).status_code == 200
    assert client.get("/v1/export", headers={"Authorization": f"Bearer {keys['reader']}"}).status_code == 403
    assert client.get(f"/v1/exports/{without}/../pairs.parquet").status_code == 404
    assert client.get(f"/v1/exports/{without}/other.parquet").status_code == 404
    assert client.get(f"/v1/exports/{uuid.uuid4()}/pairs.parquet").status_code == 404
    entries = client.get("/v1/audit", params={"limit": 100}).json()["items"]
    asked = [each for each in entries if each["action"] == "export" and each["resource"] == "job"]
    assert {each["resource_id"]: each["after"]["text"] for each in asked} == {with_text: True, without: False}
    ended = [each for each in entries if each["action"] == "export" and each["resource"] == "archive"]
    assert {each["after"]["pairs"] for each in ended} == {result["pairs"]}
    shown = client.get("/v1/access-log", params={"limit": 100}).json()["items"]
    assert {each["ecgs"] for each in shown if each["operation"] == "get_export_file" and each["status"] == 200} == {
        result["pairs"]
    }


@pytest.mark.usefixtures("filled")
def test_what_was_taken_out_goes_in_again(
    client: httpx.Client,
    runner: Runner,
    keys: dict[str, str],
    elsewhere: tuple[Database, Settings],
    tmp_path: Path,
    database: Database,
) -> None:
    job_id, result = exported(client, runner, what=["pairs", "waveforms"], text=True)
    folder = fetched(client, job_id, result, tmp_path / "out")
    with tarfile.open(folder / "waveforms.tar") as tar:
        tar.extractall(folder, filter="data")
    there, settings = elsewhere
    with there.begin() as session:
        session.execute(text("INSERT INTO sites VALUES ('north', 'Europe/Berlin')"))
    done = bring(there, settings, folder / "pairs.parquet")
    assert done.ecgs == result["pairs"]
    with there.begin() as session:
        auth.create_user(session, "test", "admin", "admin")
        key = auth.issue_key(session, "test", "admin")
    with TestClient(application(settings)) as other:
        other.headers["Authorization"] = f"Bearer {key}"
        for group in ((), "site", "device_software", "reader", "sex", "age", "month"):
            asked = {"group_by": group} if group else {}
            here = client.get("/v1/disagreement", params=asked).json()
            assert other.get("/v1/disagreement", params=asked).json() == here
    columns = "record, waveform_sha256, patient_hash, order_hash, recorded_at, age, heart_rate, qrs_axis, qtc_formula"
    pairs = "hour, weekday, blinded, validated, p.heart_rate"
    said = (
        f"SELECT e.{columns.replace(', ', ', e.')}, {pairs} FROM ecgs e JOIN pairs p ON p.ecg_id = e.id ORDER BY record"
    )
    with database.begin() as session, there.begin() as session_there:
        assert session.execute(text(said)).all() == session_there.execute(text(said)).all()


@pytest.mark.usefixtures("filled")
def test_a_worker_that_dies_leaves_nothing_half_written(
    client: httpx.Client, runner: Runner, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = client.get("/v1/export", params={"what": EVERYTHING})
    job_id = answer.headers["location"].rsplit("/", 1)[1]
    folder = settings.exports_dir / job_id
    folder.mkdir(parents=True)
    (folder / "reports.parquet").write_bytes(b"PAR1 half")  # what a killed attempt left
    (folder / "left.parquet").write_bytes(b"")
    assert client.get(f"/v1/exports/{job_id}/reports.parquet").status_code == 409
    runner.run(uuid.UUID(job_id))
    result = client.get(f"/v1/jobs/{job_id}").json()["result"]
    assert {each["name"] for each in result["files"]} == {path.name for path in folder.iterdir()}
    assert "left.parquet" not in {path.name for path in folder.iterdir()}


@pytest.mark.usefixtures("filled")
def test_files_are_kept_for_some_days(
    client: httpx.Client, runner: Runner, settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id, result = exported(client, runner)
    assert result["kept_days"] == settings.export_days
    remove_old(settings)
    assert client.get(f"/v1/exports/{job_id}/pairs.parquet").status_code == 200
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + settings.export_days * 24 * 3600 + 60)
    remove_old(settings)
    assert list(settings.exports_dir.iterdir()) == []
    answer = client.get(f"/v1/exports/{job_id}/pairs.parquet")
    assert (answer.status_code, answer.json()["type"]) == (410, "/problems/file_missing")
    with database.begin() as session:
        session.execute(text("UPDATE jobs SET finished_at = finished_at - interval '8 days'"))
    answer = client.get(f"/v1/exports/{job_id}/pairs.parquet")
    assert (answer.status_code, answer.json()["type"]) == (410, "/problems/export_removed")


@pytest.mark.usefixtures("filled")
def test_the_command_writes_what_the_job_writes(
    client: httpx.Client, runner: Runner, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id, result = exported(client, runner, what=EVERYTHING, text=True)
    wanted = contents(fetched(client, job_id, result, tmp_path / "job"))
    with tarfile.open(fileobj=io.BytesIO(wanted.pop("waveforms.tar"))) as tar:
        for member in tar.getmembers():
            packed = tar.extractfile(member)
            assert packed is not None
            wanted[member.name] = packed.read()
    monkeypatch.setenv("OVERREAD_DATABASE_URL", str(settings.database_url))
    monkeypatch.setenv("OVERREAD_DATA_DIR", str(settings.data_dir))
    asked = [word for what in EVERYTHING for word in ("--what", what)]
    out = tmp_path / "command"
    run = RUN.invoke(cli, ["export", str(out), *asked, "--text"])
    assert run.exit_code == 0, run.output
    assert contents(out) == wanted
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".partial")] == []
    assert RUN.invoke(cli, ["export", str(out)]).exit_code == 2
    assert RUN.invoke(cli, ["export", str(tmp_path / "x"), "--where", "site=nowhere"]).exit_code == 2
    assert RUN.invoke(cli, ["export", str(tmp_path / "x"), "--what", "all"]).exit_code == 2
    assert RUN.invoke(cli, ["export", str(tmp_path / "x"), "--where", "place=north"]).exit_code == 2
    assert not (tmp_path / "x").exists()


def test_an_empty_archive_gives_empty_tables(client: httpx.Client, runner: Runner, tmp_path: Path) -> None:
    job_id, result = exported(client, runner, what=list(TABLES))
    folder = fetched(client, job_id, result, tmp_path / "out")
    assert {table.file: len(pandas.read_parquet(folder / table.file)) for table in TABLES.values()} == {
        table.file: 0 for table in TABLES.values()
    }
