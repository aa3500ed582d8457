"""Identifiers that are planted in every kind of import are found nowhere afterwards."""

import io
import logging
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import structlog
from sqlalchemy import text
from typer.testing import CliRunner

from app.cli import cli
from app.ecgs.service import Archive
from app.jobs.run import Workplace
from app.jobs.runner import Runner
from app.kit.database import Database
from app.settings import Settings
from app.steps import KINDS

NAMES = ("Zebrowski", "Quillhammer")
NUMBERS = ("91827364", "55667788", "19561231")
PLANTED = (*NAMES, *NUMBERS)
TEXT = "Sinus rhythm\nPatient: Anna Zebrowski\nMRN: 91827364\nDOB: 12/31/1956\nConfirmed by Dr. Quillhammer"


def everything(database: Database) -> str:
    """All rows of all tables as text."""
    with database.begin() as session:
        tables = session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
        rows = [session.scalars(text(f'SELECT t::text FROM "{table}" t')).all() for table in tables]
    return "\n".join(row for table in rows for row in table)


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command; return all that it prints."""
    monkeypatch.setenv("OVERREAD_DATABASE_URL", settings.database_url or "")
    monkeypatch.setenv("OVERREAD_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("OVERREAD_LABELING_PROCESSES", "1")

    def run(*arguments: object) -> str:
        root = logging.getLogger()
        handlers = list(root.handlers)
        result = CliRunner().invoke(cli, list(map(str, arguments)))
        structlog.reset_defaults()
        root.handlers[:] = handlers  # the command's writes on a standard error that has ended
        assert result.exit_code == 0, (result.output, result.exception)
        return result.output + "".join(capfd.readouterr())

    return run


@pytest.fixture
def names(shared: Path, tmp_path: Path) -> Path:
    """Folders of each kind, whose file names, tables and files name a patient."""
    record = next(p for p in sorted((shared / "ptbxl/records500").rglob("*.hea")) if p.with_suffix(".dat").exists())
    root = tmp_path / "Zebrowski 91827364"
    for kind in ("files", "muse", "physionet2021", "manifest"):
        (root / kind / "Anna_Zebrowski-19561231").mkdir(parents=True)
    for kind in ("files", "physionet2021"):
        target = root / kind / "Anna_Zebrowski-19561231"
        header = record.read_text().replace(record.stem, "Zebrowski_91827364") + "# Name: Anna Zebrowski 55667788\n"
        (target / "Zebrowski_91827364.hea").write_text(header)
        if kind == "files":
            shutil.copyfile(record.with_suffix(".dat"), target / "Zebrowski_91827364.dat")
        (target / "Quillhammer.hea").write_text("Zebrowski 12 500 5000\nQuillhammer.dat 16\n")
    xml = (shared / "formats/muse_xml/muse-sinus.xml").read_text(encoding="latin-1")
    for tag, planted in (
        ("PatientID", "91827364"),
        ("PatientLastName", "Zebrowski"),
        ("EditorLastName", "Quillhammer"),
        ("AttendingMDLastName", "Quillhammer"),
        ("DateofBirth", "12-31-1956"),
    ):
        before, found, rest = xml.partition(f"<{tag}>")
        xml = before + found + planted + rest[rest.index("<") :] if found else xml
    xml = xml.replace(
        "<StmtText>Abnormal ECG</StmtText>", "<StmtText>Confirmed by Quillhammer, MD MRN: 91827364</StmtText>"
    )
    (root / "muse/Anna_Zebrowski-19561231/Zebrowski.xml").write_text(xml, encoding="latin-1")
    (root / "muse/Zebrowski 55667788.xml").write_text(xml[: len(xml) // 2], encoding="latin-1")
    shutil.copyfile(
        record.with_suffix(".dat"), root / "manifest/Anna_Zebrowski-19561231" / record.with_suffix(".dat").name
    )
    shutil.copyfile(record, root / "manifest/Anna_Zebrowski-19561231" / record.name)
    (root / "manifest/pairs.csv").write_text(
        "record,path,machine_text,overread_text,reader,patient_id,order_id,age\n"
        f'm/1,Anna_Zebrowski-19561231/{record.name},"{TEXT}","{TEXT}",Quillhammer,91827364,55667788,60\n'
        f'm/2,Zebrowski 91827364/none.hea,"{TEXT}",,,91827364,55667788,61\n'
        f'm/3,../Zebrowski,"{TEXT}",,,91827364,55667788,Zebrowski\n'
        'm/4,,"MRN: 91827364",,,91827364,,60\n'
    )
    return root


def test_nothing_planted_is_found_afterwards(
    run: Callable[..., str],
    client: httpx.Client,
    database: Database,
    settings: Settings,
    names: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    said = []
    for kind, path in (
        ("files", names / "files"),
        ("muse-xml", names / "muse"),
        ("physionet2021", names / "physionet2021"),
        ("manifest", names / "manifest/pairs.csv"),
    ):
        said.append(run("import", kind, path, "--dry-run"))
        said.append(run("import", kind, path))
        said.append(run("import", "retry", kind, path))
    said.append(run("import", "rejections"))
    assert "refused" in "".join(said)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path in (names / "manifest").rglob("*.*"):
            archive.write(path, path.relative_to(names / "manifest"))
    started = client.post(
        "/v1/imports", data={"kind": "manifest"}, files={"archive": ("Zebrowski.zip", content.getvalue())}
    )
    assert started.status_code == 202
    settings = settings.model_copy(update={"labeling_processes": 1})
    Runner(Workplace(settings, database, Archive.of(settings)), KINDS).run(started.json()["id"])
    said += [client.get(started.headers["Location"]).text, client.get("/v1/imports/rejections").text, caplog.text]
    assert "succeeded" in said[-3]

    with database.begin() as session:
        stored = session.execute(text("SELECT count(*), count(patient_hash), count(order_hash) FROM ecgs")).one()
    assert stored[0] >= 3 and stored[1] >= 2 and stored[2] >= 1
    found = everything(database) + "".join(said)
    assert "Sinus rhythm" in found and "reader-" in found
    for planted in PLANTED:
        assert planted.casefold() not in found.casefold(), planted
    files = [path for path in settings.data_dir.rglob("*") if path.is_file()]
    assert files
    for path in files:
        content_of = path.read_bytes().lower()
        for planted in PLANTED:
            assert planted.lower() not in str(path.relative_to(settings.data_dir)).lower()
            assert planted.lower().encode() not in content_of, path
