"""`overread read`: readings by rules without a service."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from app.cli import cli
from ml.corpus.simulator.heart import record
from ml.formats.recording import Recording
from ml.formats.wfdb import write_wfdb
from ml.rules import read, rule_book

RUN = CliRunner()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an ECG, one of noise in a folder below, and a file that is no ECG."""
    noise = np.random.default_rng(0).integers(-500, 500, (12, 5000)).astype(np.int32)
    (tmp_path / "below").mkdir()
    for name, recording in (("heart", heart()), ("below/noise", Recording(noise, np.full(12, 1000.0), 500.0))):
        for file, content in write_wfdb(recording, Path(name).name).items():
            (tmp_path / Path(name).parent / file).write_bytes(content)
    (tmp_path / "notes.txt").write_text("no ECG")
    return tmp_path


def heart() -> Recording:
    return record({"sinus_rhythm", "lbbb"}, np.random.default_rng(1))


def test_each_record_is_a_line_and_what_is_not_readable_says_why(folder: Path) -> None:
    ended = RUN.invoke(cli, ["read", str(folder)])
    lines = {line["record"]: line for line in map(json.loads, ended.stdout.splitlines())}
    expected = read(heart())
    assert ended.exit_code == 0 and set(lines) == {"heart", "noise"}
    assert lines["heart"]["text"] == expected.text and set(lines["heart"]["labels"]) == expected.findings
    assert lines["heart"]["device_software"] == rule_book().version and not lines["heart"]["not_readable"]
    assert lines["noise"]["not_readable"] == ["noise"] and lines["noise"]["labels"] == []


def test_the_text_alone_is_for_people(folder: Path) -> None:
    ended = RUN.invoke(cli, ["read", "--text", str(folder / "heart.dat"), str(folder / "heart.hea")])
    assert ended.stdout == f"heart\n{read(heart()).text}\n\n", "two files of one record are one record"


def test_what_is_no_ecg_is_named_and_the_others_are_read(folder: Path) -> None:
    ended = RUN.invoke(cli, ["read", str(folder / "notes.txt"), str(folder / "nowhere"), str(folder / "heart")])
    assert ended.exit_code == 1 and len(ended.stdout.splitlines()) == 1
    assert "notes.txt: it is no ECG file" in ended.stderr and "nowhere: No such file" in ended.stderr


@pytest.mark.parametrize("option", ["--sex", "--thresholds"])
def test_an_option_that_is_not_known_is_refused(folder: Path, option: str) -> None:
    assert RUN.invoke(cli, ["read", option, "other", str(folder)]).exit_code == 2
