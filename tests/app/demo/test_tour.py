"""The demo keeps to data of its own, promotes the better model, and ends what it started."""

import itertools
import re
import signal
import subprocess
from contextlib import nullcontext
from pathlib import Path

import httpx
import pytest

from app.demo.corpora import ptbxl_corpus, simulated_corpus
from app.demo.server import service
from app.demo.tour import _answering, _promote, _upload
from app.kit.children import python_module, safe_environment
from app.kit.database import Database
from app.kit.folders import Folders
from app.models.starter import ensure_starter
from app.settings import Settings
from ml.rules import rule_book
from tests.app.inferring import inferring


@pytest.fixture
def starter(settings: Settings, database: Database) -> None:
    ensure_starter(database, Folders(settings.data_dir))


@pytest.mark.parametrize(("difference", "promoted"), [(0.01, True), (0.0, False), (-0.01, False), (None, False)])
def test_the_better_model_answers_afterwards(
    client: httpx.Client,
    settings: Settings,
    starter: None,
    capsys: pytest.CaptureFixture[str],
    difference: float | None,
    promoted: bool,
) -> None:
    answering = _answering(client)
    assert (answering["name"], answering["promoted"]) == ("starter", False)
    with inferring(settings) if promoted else nullcontext():
        _promote(client, answering["id"], {"name": "the other"}, {"difference": difference})
    assert client.get(f"/v1/models/{answering['id']}").json()["promoted"] is promoted
    assert ("answers predictions now" in capsys.readouterr().out) is promoted


def test_real_and_simulated_ecgs_never_share_a_folder(tmp_path: Path) -> None:
    simulated, real = simulated_corpus(2), ptbxl_corpus(tmp_path)
    assert simulated.folder != real.folder
    assert (simulated.simulated, real.simulated) == (True, False)
    assert all(case.metadata["simulated"] for case in simulated.cases)


def test_ptbxl_is_read_by_our_rules_and_compared_with_the_experts(
    client: httpx.Client, shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = list(itertools.islice(ptbxl_corpus(shared / "ptbxl").cases, 3))
    assert all(case.rule_reading and case.machine_report is None for case in cases)
    _upload(client, iter(cases))
    assert "3 of these have no machine's reading" in capsys.readouterr().out
    table = client.get("/v1/disagreement", params={"device_software": rule_book().version}).json()
    assert table["pairs"] == sum(bool(case.overread_codes) for case in cases) > 0


def test_a_configured_database_stays_as_it_is(
    settings: Settings, client: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The demo's service has a database of its own, also where the environment names another."""
    monkeypatch.setenv("OVERREAD_DATABASE_URL", str(settings.database_url))
    with service(Settings(data_dir=tmp_path / "demo", _env_file=None), 8000) as (_, demo, _key):
        users = {entry["actor"] for entry in demo.get("/v1/audit").json()["items"]}
    assert (tmp_path / "demo" / "postgres").is_dir()
    assert users and "test" not in users  # who made the keys of the other database


@pytest.mark.faults
def test_ended_by_sigterm_it_leaves_no_service_behind(tmp_path: Path) -> None:
    demo = subprocess.Popen(
        python_module("app.cli", "demo", "--port", "8000"),
        cwd=tmp_path,
        env={**safe_environment(), "OVERREAD_DATA_DIR": str(tmp_path / "data"), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert demo.stdout is not None
    with demo.stdout as said:
        address = next(found.group() for line in said if (found := re.search(r"http://[\d.:]+", line)))
        assert httpx.get(f"{address}/healthz").status_code == 200
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(60) == 128 + signal.SIGTERM
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{address}/healthz")
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["demo-simulated"]
