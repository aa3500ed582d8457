"""`overread models`: what is added to a bundle before it is registered."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import cli
from ml.bundles.bundle import amend, read_manifest
from ml.corpus.simulator import simulate
from ml.formats.wfdb import write_wfdb

RUN = CliRunner()


@pytest.fixture
def floats(bundle_folder: Path, tmp_path: Path) -> Path:
    """A bundle without the network in integers, and of which nobody knows how its decisions stand still."""
    copy = tmp_path / "bundle"
    shutil.copytree(bundle_folder, copy)
    amend(copy, {"integers": None, "stability": None}, lambda complete: {})
    return copy


def test_the_command_adds_it_and_says_what_it_changes(floats: Path, store_folder: Path) -> None:
    ended = RUN.invoke(cli, ["models", "optimise", str(floats), str(store_folder)])
    found = read_manifest(floats).integers
    assert ended.exit_code == 0 and found is not None, ended.output
    assert f"{found.auroc:.4f} in integers" in ended.stdout


def test_the_command_refuses_what_ranks_otherwise_without_force(
    floats: Path, store_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml.inference.optimise.MOST_CHANGE", -1.0)
    command = ["models", "optimise", str(floats), str(store_folder)]
    refused = RUN.invoke(cli, command)
    assert refused.exit_code == 1 and "nothing was added" in refused.stderr
    assert read_manifest(floats).integers is None
    assert RUN.invoke(cli, [*command, "--force"]).exit_code == 0
    assert read_manifest(floats).integers is not None


def test_the_command_measures_how_decisions_stand_still(floats: Path, tmp_path: Path) -> None:
    records = tmp_path / "records"
    records.mkdir()
    for number, ecg in enumerate(simulate(3, seed=1)):
        for name, content in write_wfdb(ecg.recording, f"r{number}").items():
            (records / name).write_bytes(content)
    (records / "torn.hea").write_text("torn")
    ended = RUN.invoke(cli, ["models", "stability", str(floats), str(records), "--most", "2"])
    found = read_manifest(floats).stability
    assert ended.exit_code == 0 and found is not None, ended.output
    assert found.ecgs == 2 and "decisions stay: 1 ms later" in ended.stdout
