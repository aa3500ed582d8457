"""Imports over HTTP: of folders that the settings name, and of uploaded archives."""

import io
import os
import tarfile
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient
from sqlalchemy.exc import OperationalError

from app.ecgs.service import Archive
from app.imports.archives.spool import Spool
from app.imports.importer import Importer
from app.jobs.run import Workplace
from app.jobs.runner import Runner
from app.kit.database import Database
from app.settings import Settings
from app.steps import KINDS
from tests.app.application import application

TABLE = """record,machine_text,overread_text,reader,patient_id
a/1,Sinus rhythm,Atrial flutter,Dr. Miller,4711
a/2,Atrial fibrillation,Atrial fibrillation,Dr. Miller,4712
a/3,,,,
"""


@pytest.fixture
def with_folders(settings: Settings, tmp_path: Path) -> Settings:
    (tmp_path / "here").mkdir()
    (tmp_path / "here/pairs.csv").write_text(TABLE)
    return settings.model_copy(
        update={"import_folders": {"pairs": tmp_path / "here/pairs.csv"}, "labeling_processes": 1}
    )


@pytest.fixture
def server(with_folders: Settings, keys: dict[str, str]) -> Iterator[httpx.Client]:
    with TestClient(application(with_folders), raise_server_exceptions=False) as client:
        client.headers["Authorization"] = f"Bearer {keys['admin']}"
        yield client


@pytest.fixture
def runner(with_folders: Settings, database: Database) -> Runner:
    archive = Archive.of(with_folders)
    return Runner(Workplace(with_folders, database, archive), KINDS)


def zipped(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, inner in files.items():
            archive.writestr(name, inner)
    return content.getvalue()


def tarred(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, inner in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(inner)
            archive.addfile(info, io.BytesIO(inner))
    return content.getvalue()


def send(server: httpx.Client, archive: bytes, **headers: str) -> httpx.Response:
    return server.post("/v1/imports", data={"kind": "manifest"}, files={"archive": archive}, headers=headers)


def done(server: httpx.Client, runner: Runner, answer: httpx.Response) -> dict[str, object]:
    assert answer.status_code == 202, answer.text
    runner.run(answer.json()["id"])
    job: dict[str, object] = server.get(answer.headers["Location"]).json()
    return job


def test_a_folder_of_the_server_is_imported_by_its_name(server: httpx.Client, runner: Runner) -> None:
    answer = server.post("/v1/imports", data={"kind": "manifest", "folder": "pairs"}, files={"x": b""})
    assert answer.status_code == 422
    answer = server.post("/v1/imports", files={"kind": (None, "manifest"), "folder": (None, "pairs")})
    job = done(server, runner, answer)
    assert job["state"] == "succeeded", job
    result = job["result"]
    assert (result["ecgs"], result["reports"], result["refused"]) == (2, 4, {"missing_value": 1})
    [refused] = server.get("/v1/imports/rejections").json()["items"]
    assert refused["place"].endswith(".csv line 4") and refused["times"] == 1
    as_csv = server.get("/v1/imports/rejections", headers={"Accept": "text/csv"}).text
    assert "missing_value" in as_csv and as_csv.count("\r\n") == 2
    assert server.get("/v1/disagreement").json()["pairs"] == 2


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_an_uploaded_archive_is_imported_once_and_then_gone(
    server: httpx.Client, runner: Runner, with_folders: Settings, pack: object
) -> None:
    archive = pack({"export/pairs.csv": TABLE.encode()})
    first = send(server, archive, **{"Idempotency-Key": "one"})
    again = send(server, archive, **{"Idempotency-Key": "one"})
    assert first.json()["id"] == again.json()["id"]
    assert len(list(with_folders.imports_dir.iterdir())) == 1
    job = done(server, runner, first)
    assert job["state"] == "succeeded", job
    assert list(with_folders.imports_dir.iterdir()) == []
    result = done(server, runner, send(server, archive))["result"]
    assert (result["ecgs"], result["reports"], result["known"], result["refused_before"]) == (0, 0, 4, 1)
    [refused] = server.get("/v1/imports/rejections").json()["items"]
    assert refused["times"] == 2


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"kind": "manifest"}, "folder"),
        ({"kind": "nothing", "folder": "pairs"}, "kind"),
        ({"kind": "manifest", "folder": "/etc"}, "folder"),
        ({"kind": "manifest", "folder": "pairs", "options": '{"plus": "x"}'}, "options"),
        ({"kind": "ptbxl-plus", "folder": "pairs", "options": '{"plus": "/etc"}'}, "options"),
        ({"kind": "manifest", "folder": "pairs", "options": "{"}, "options"),
        ({"kind": "manifest", "folder": "pairs", "options": "[]"}, "options"),
        ({"kind": "manifest", "folder": "pairs", "again": "perhaps"}, "again"),
    ],
)
def test_what_cannot_be_imported_is_named(server: httpx.Client, form: dict[str, str], field: str) -> None:
    answer = server.post("/v1/imports", files={name: (None, value) for name, value in form.items()})
    assert answer.status_code == 422
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert "/etc" not in answer.text


def test_a_failed_import_does_not_name_the_folder_or_table(server: httpx.Client, runner: Runner) -> None:
    files = {"archive": zipped({"Miller/notes.txt": b"x"})}
    job = done(server, runner, server.post("/v1/imports", data={"kind": "ptbxl"}, files=files))
    assert job["state"] == "failed"
    assert job["error"] == "ptbxl_database.csv is neither in … nor in a folder directly in it"
    job = done(server, runner, send(server, zipped({"Miller.csv": b"a,b\n1,2\n"})))
    assert job["state"] == "failed" and "Miller" not in job["error"]


def test_imports_are_for_admins(server: httpx.Client, keys: dict[str, str]) -> None:
    as_researcher = {"Authorization": f"Bearer {keys['researcher']}"}
    form = {"kind": (None, "manifest"), "folder": (None, "pairs")}
    assert server.post("/v1/imports", files=form, headers=as_researcher).status_code == 403


def test_a_bad_archive_fails_its_job_and_leaves_nothing(
    server: httpx.Client, runner: Runner, with_folders: Settings
) -> None:
    for archive, words in ((b"PK\x03\x04 and so on", "damaged"), (b"text", "neither"), (zipped({"../x": b""}), "name")):
        job = done(server, runner, send(server, archive))
        assert job["state"] == "failed" and words in job["error"]
        assert list(with_folders.imports_dir.iterdir()) == []
    assert server.get("/v1/ecgs").json()["items"] == []


def test_a_job_whose_database_was_away_goes_on_with_its_archive(
    server: httpx.Client, runner: Runner, with_folders: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The archive and what was unpacked stay for the next attempt; a failed job leaves nothing."""
    answer = send(server, zipped({"pairs.csv": TABLE.encode()}))
    with monkeypatch.context() as patch:
        patch.setattr(Importer, "run", away)
        runner.run(answer.json()["id"])
    assert server.get(answer.headers["Location"]).json()["state"] == "queued"
    assert [path.name for path in with_folders.imports_dir.iterdir()] == [answer.json()["id"]]
    job = done(server, runner, answer)
    assert job["state"] == "succeeded" and job["result"]["ecgs"] == 2
    assert list(with_folders.imports_dir.iterdir()) == []


def away(*_: object) -> None:
    raise OperationalError("", {}, Exception())


def test_what_nobody_wants_is_swept_after_a_day(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "imports")
    kept, forgotten, fresh = (uuid.uuid4() for _ in range(3))
    for job_id in (kept, forgotten, fresh):
        spool.give(spool.receive(io.BytesIO(b"x")), job_id)
    spool.receive(io.BytesIO(b"never a job"))
    for folder in tmp_path.glob("imports/*"):
        if folder.name != str(fresh):
            os.utime(folder, (0, 0))
    spool.sweep({kept})
    assert {path.name for path in tmp_path.glob("imports/*")} == {str(kept), str(fresh)}
