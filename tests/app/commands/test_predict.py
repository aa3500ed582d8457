"""`overread predict`: probabilities without a service."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from app.cli import cli
from ml.corpus.simulator.heart import record
from ml.formats.recording import Recording
from ml.formats.wfdb import write_wfdb
from ml.inference.predictor import Predictor
from ml.signals import preprocess
from ml.starter import BUNDLE
from ml.starter.ptbxl import LABELS
from tests.ml.formats.muse import muse_file

RUN = CliRunner()


def write(folder: Path, name: str, recording: Recording) -> None:
    for file, content in write_wfdb(recording, name).items():
        (folder / file).write_bytes(content)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "short", record({"sinus_rhythm"}, np.random.default_rng(0)))
    write(tmp_path, "long", record({"afib"}, np.random.default_rng(1), duration_s=25.0))
    return tmp_path


def test_a_line_a_window_with_every_label(folder: Path) -> None:
    ended = RUN.invoke(cli, ["predict", str(folder)])
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert ended.exit_code == 0 and ended.stderr == ""
    assert [(line["record"], line["window"]) for line in lines] == [("long", 0), ("long", 1), ("short", 0)]
    for line in lines:
        assert set(line) == {"record", "window", "probabilities"} and list(line["probabilities"]) == list(LABELS)
        assert all(0 <= probability <= 1 for probability in line["probabilities"].values())
    assert lines[0]["probabilities"]["afib"] > lines[2]["probabilities"]["afib"]


def test_a_file_s_machine_is_told_beside_the_probabilities(tmp_path: Path) -> None:
    (tmp_path / "e.xml").write_bytes(muse_file(record({"afib"}, np.random.default_rng(1))))
    (tmp_path / "notes.xml").write_text("<notes/>")
    ended = RUN.invoke(cli, ["predict", str(tmp_path)])
    (line,) = [json.loads(line) for line in ended.stdout.splitlines()]
    assert (line["record"], line["machine"]) == ("e", {"afib": "present", "lad": "present"})
    assert ended.exit_code == 0 and "notes.xml" in ended.stderr


def test_it_says_what_the_service_s_predictor_says(folder: Path) -> None:
    recording = record({"sinus_rhythm"}, np.random.default_rng(0))
    said = Predictor(BUNDLE).predict(recording.millivolts(), recording.sampling_rate_hz)
    line = json.loads(RUN.invoke(cli, ["predict", str(folder / "short.hea")]).stdout)
    for answer in said["labels"]:
        assert line["probabilities"][answer["label"]] == pytest.approx(answer["probability"], abs=1e-5)


def test_another_sampling_rate_gives_nearly_the_same(tmp_path: Path) -> None:
    recording = record({"sinus_rhythm", "lbbb"}, np.random.default_rng(3), duration_s=10.5)
    at_360 = np.arange(int(10.3 * 360)) / 360 * recording.sampling_rate_hz
    samples = [np.interp(at_360, np.arange(recording.samples.shape[1]), lead) for lead in recording.samples]
    write(tmp_path, "at500", recording)
    write(tmp_path, "at360", Recording(np.rint(samples).astype(np.int32), recording.gain, 360.0))
    ended = RUN.invoke(cli, ["predict", str(tmp_path / "at500"), str(tmp_path / "at360")])
    first, second = (json.loads(line)["probabilities"] for line in ended.stdout.splitlines())
    assert max(abs(first[key] - second[key]) for key in first) < 0.2


def test_what_cannot_be_read_is_said_and_the_others_are_answered(folder: Path) -> None:
    (folder / "long.dat").unlink()
    ended = RUN.invoke(cli, ["predict", str(folder), str(folder / "nowhere")])
    assert ended.exit_code == 1 and len(ended.stdout.splitlines()) == 1
    assert "long.hea" in ended.stderr and "nowhere: No such file" in ended.stderr


def test_names_of_files_do_not_reach_the_terminal_as_commands(folder: Path) -> None:
    (folder / "\x1b[2Jgone\nsecond line.hea").write_text("no header")
    (folder / "\x1b]0;title\x07.txt").write_text("")
    ended = RUN.invoke(cli, ["predict", str(folder)])
    assert ended.exit_code == 1 and len(ended.stdout.splitlines()) == 3
    assert "\x1b" not in ended.stderr and "\x07" not in ended.stderr and len(ended.stderr.splitlines()) == 2


def test_other_files_of_a_folder_are_named_and_are_no_failure(folder: Path) -> None:
    for name in "abcdefg":
        (folder / f"{name}.txt").write_text("text")
    ended = RUN.invoke(cli, ["predict", str(folder)])
    assert ended.exit_code == 0 and len(ended.stdout.splitlines()) == 3
    assert "skipped, not ECGs: a.txt, b.txt, c.txt, d.txt, e.txt and 2 more" in ended.stderr


def test_windows_of_an_npz_are_numbered(folder: Path) -> None:
    signal = record({"afib"}, np.random.default_rng(1), duration_s=25.0)
    windows = preprocess(signal.millivolts(), signal.sampling_rate_hz).values
    np.savez(folder / "w.npz", X=windows, ecg_id=np.array(["long", "long"]))
    from_npz, from_record = (RUN.invoke(cli, ["predict", str(folder / name)]).stdout for name in ("w.npz", "long"))
    for lines in zip(from_npz.splitlines(), from_record.splitlines(), strict=True):
        one, other = map(json.loads, lines)
        assert (one["record"], one["window"]) == (other["record"], other["window"])
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-4)


def test_a_model_of_ones_own(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    nothing = tmp_path_factory.mktemp("nothing")
    ended = RUN.invoke(cli, ["predict", str(folder), "--model", str(nothing)])
    assert ended.exit_code == 2 and nothing.name in ended.stderr


def test_real_records_and_windows(shared: Path) -> None:
    hea = sorted((shared / "wfdb").rglob("*.hea"))[:3]
    ended = RUN.invoke(cli, ["predict", *map(str, hea)])
    assert {json.loads(line)["record"] for line in ended.stdout.splitlines()} <= {path.stem for path in hea}


def test_it_needs_no_database(folder: Path) -> None:
    nowhere = {**os.environ, "OVERREAD_DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:1/none"}
    command = [sys.executable, "-m", "app.cli", "predict", str(folder / "short")]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, env=nowhere)
    assert json.loads(ended.stdout)["record"] == "short"
