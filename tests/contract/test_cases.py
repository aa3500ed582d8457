"""The failing inputs that people sent: each has its right answer, from the service and from the command."""

from pathlib import Path

import httpx
import pytest

from app.kit.database import Database
from app.settings import Settings
from benchmarks.cases import Service, answer_of


def test_every_case_has_its_right_answer(
    client: httpx.Client, database: Database, settings: Settings, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = sorted(path for path in (shared.parent / "cases").glob("*") if path.is_dir())
    if not folders:
        pytest.skip("the folder of cases is absent")
    monkeypatch.setenv("OVERREAD_DATABASE_URL", str(settings.database_url))
    monkeypatch.setenv("OVERREAD_DATA_DIR", str(settings.data_dir))
    service = Service(client, database)
    answers = {folder.name: answer_of(service, folder) for folder in folders}
    assert {name: answer.said for name, answer in answers.items() if answer.is_right is False} == {}
