"""A frozen dataset divided again has the same windows, and the hash of one that was frozen so."""

import shutil

import numpy as np
import pytest

from ml.corpus.resplit import resplit
from ml.corpus.split_rules import ByFold, ByPatient, ByRecord
from ml.corpus.splits import CannotSplit
from ml.corpus.store import Store
from tests.ml.corpus.test_store import MASKS, write


def test_it_is_the_dataset_that_would_have_been_frozen(tmp_path):
    write(tmp_path / "a", MASKS, seed=1)
    write(tmp_path / "b", MASKS, seed=2, split=ByRecord())
    made = resplit(tmp_path / "a", tmp_path / "again", ByRecord(), seed=2)
    again, other = Store(tmp_path / "again"), Store(tmp_path / "b")
    assert made["content_sha256"] == again.content_sha256 == other.content_sha256
    assert again.column("split").tolist() == other.column("split").tolist()
    np.testing.assert_array_equal(again.windows, other.windows)
    assert resplit(tmp_path / "again", tmp_path / "back", ByPatient(), seed=1)["content_sha256"] == (
        Store(tmp_path / "a").content_sha256
    )


def test_what_cannot_be_leaves_nothing(tmp_path):
    write(tmp_path / "a", MASKS)
    with pytest.raises(CannotSplit, match="no ECG has a fold"):
        resplit(tmp_path / "a", tmp_path / "b", ByFold(test=(1,)))
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    with pytest.raises(FileExistsError):
        resplit(tmp_path / "a", tmp_path / "a", ByRecord())


def test_the_first_folder_can_go(tmp_path):
    values, _ = write(tmp_path / "a", MASKS)
    resplit(tmp_path / "a", tmp_path / "b", ByRecord())
    shutil.rmtree(tmp_path / "a")
    np.testing.assert_array_equal(Store(tmp_path / "b").windows, values.astype(np.float16))
