"""`overread split`: a dataset divided in another way."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from app.cli import cli
from ml.corpus.store import Store, StoreWriter
from ml.signals import Preprocessing

RUN = CliRunner()


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    with StoreWriter(tmp_path / "d", [("lvh", "LVH")], Preprocessing().to_dict()) as writer:
        for number in range(6):
            row: dict[str, Any] = {"ecg_id": f"e{number}", "patient": f"p{number // 2}", "start_s": 0.0}
            values = np.full((1, 12, 2500), number, np.float32)
            writer.append(values, [{**row, "fold": number, "site": "north"}])
        writer.finish(0)
    return tmp_path / "d"


def test_by_folds_of_the_source(dataset: Path, tmp_path: Path) -> None:
    asked = ["split", str(dataset), str(tmp_path / "out"), "--by", "fold", "--validation", "3", "--test", "4"]
    ended = RUN.invoke(cli, [*asked, "--test", "5"])
    assert (ended.exit_code, ended.stderr.splitlines()[0]) == (
        0,
        "overread: train 3, validation 1, test 2 windows; 1 patients in two splits",
    )
    assert Store(tmp_path / "out").column("split").tolist() == ["train"] * 3 + ["validation", "test", "test"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--by", "fold", "--test", "7"], "split.test: no ECG has fold 7; there are 0, 1, 2, 3, 4, 5"),
        (["--by", "fold", "--test", "x"], "--test: Input should be a valid integer"),
        (["--by", "fold"], "--test: Field required"),
        (["--by", "site", "--test", "north"], "split.validation: the validation split would be empty"),
        (["--by", "date", "--test-from", "2026-01-01"], "split.test_from: the test split would be empty"),
        (["--by", "date", "--test-from", "soon"], "--test-from: Input should be a valid datetime"),
        (["--by", "patient", "--test", "1"], "--test: Extra inputs are not permitted"),
        (["--by", "reader"], "Input tag 'reader' found"),
        (["--fractions", "1", "1", "1"], "add up to 1"),
    ],
)
def test_what_cannot_be_is_one_line(dataset: Path, tmp_path: Path, options: list[str], words: str) -> None:
    ended = RUN.invoke(cli, ["split", str(dataset), str(tmp_path / "out"), *options])
    assert ended.exit_code != 0 and words in ended.stderr and len(ended.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()
