"""`overread erase`: by id, by a patient's number, and lifted again."""

import re
import uuid

import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.ecgs.patients import PatientHasher
from app.ecgs.queries import total
from app.imports.batch import Facts, Line
from app.imports.loader import Loader
from app.kit.database import Database
from app.settings import Settings

RUN = CliRunner()


@pytest.fixture
def hasher(database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> PatientHasher:
    """The hasher of a service whose two ECGs are one patient's."""
    hasher = PatientHasher(settings)
    monkeypatch.setenv("OVERREAD_DATABASE_URL", settings.database_url or "")
    monkeypatch.setenv("OVERREAD_DATA_DIR", str(settings.data_dir))
    load(database, settings, hasher)
    return hasher


def load(database: Database, settings: Settings, hasher: PatientHasher) -> int:
    facts = Facts(patient_hash=hasher("4711").hex())
    lines = [Line(record, facts, "machine", "", "AF", None, None, False) for record in ("a", "b")]
    with Loader(database, settings) as loader:
        return loader.load(lines).erased


def test_a_patient_is_erased_by_number_and_lifted(
    database: Database, settings: Settings, hasher: PatientHasher
) -> None:
    refused = RUN.invoke(cli, ["erase", "patient"], input="4711\nn\n")
    assert refused.exit_code == 1
    ended = RUN.invoke(cli, ["erase", "patient", "--yes"], input="4711\n")
    assert ended.exit_code == 0, ended.output
    assert "Erased 2 ECGs with 2 reports" in ended.stdout and "4711" not in ended.output
    assert load(database, settings, hasher) == 2
    [erasure] = re.findall(r"Erasure ([0-9a-f-]{36})", ended.stdout)
    assert RUN.invoke(cli, ["erase", "lift", erasure]).exit_code == 0
    assert load(database, settings, hasher) == 0
    with database.begin() as session:
        assert total(session) == 2


def test_what_is_not_there_is_said(hasher: PatientHasher) -> None:
    for given in (["ecg", str(uuid.uuid4())], ["patient", "00" * 32], ["patient", "no-hash"]):
        ended = RUN.invoke(cli, ["erase", *given, "--yes"])
        assert ended.exit_code == 2, ended.output
    assert RUN.invoke(cli, ["erase", "lift", str(uuid.uuid4())]).exit_code == 2
