"""The folder of a discrepancy model: what is written is read, and what was changed is refused."""

from pathlib import Path

import numpy as np
import pytest

from ml.discrepancy import folder as folders
from tests.ml.discrepancy.folders import make_folder, rows

LABELS = ("lvh", "afib")


@pytest.fixture
def made(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    tables = []
    for n in (40_000, 30):
        machine, overread = rng.random((2, n, 2)) < 0.3
        tables.append(rows(machine, overread, rng.random((n, 2)).astype(np.float32), LABELS))
    make_folder(tmp_path / "model", LABELS, tables[1], tables[0])
    return tmp_path / "model"


def test_pairs_are_read_in_parts_as_they_were_written(made: Path) -> None:
    assert folders.read_manifest(made).keys == LABELS
    parts = list(folders.read_pairs(made, "out_of_fold.parquet"))
    assert sum(part.num_rows for part in parts) == 40_000
    assert max(part.num_rows for part in parts) <= folders.ROWS_A_GROUP
    (kept,) = folders.read_pairs(made, "held_out.parquet")
    said = folders.said(kept, LABELS)
    assert said.machine.shape == said.overread.shape == said.change.shape == (30, 2)
    expected = np.where(said.machine[:, 0], 1 - said.change[:, 0], said.change[:, 0])
    assert (said.asserted()[:, 0] == expected).all()
    assert said.patient[3] == "patient3"
    (some,) = folders.read_pairs(made, "held_out.parquet", ["change_any", "site"])
    assert some.schema.names == ["change_any", "site"]


@pytest.mark.parametrize("name", [*folders.FILES[1:], folders.MANIFEST, folders.SEAL])
def test_a_changed_file_is_refused(made: Path, name: str) -> None:
    content = bytearray((made / name).read_bytes())
    content[len(content) // 2] ^= 1
    (made / name).write_bytes(content)
    with pytest.raises(folders.InvalidFolder):
        for table in (folders.HELD_OUT, folders.OUT_OF_FOLD):
            list(folders.read_pairs(made, table))


@pytest.mark.parametrize("name", [folders.HELD_OUT, folders.MANIFEST, folders.SEAL])
def test_a_missing_file_is_refused(made: Path, name: str) -> None:
    (made / name).unlink()
    with pytest.raises(folders.InvalidFolder):
        list(folders.read_pairs(made, folders.HELD_OUT))


def test_a_folder_with_other_columns_is_refused(made: Path, tmp_path: Path) -> None:
    manifest = folders.read_manifest(made).model_dump()
    manifest["labels"] = list(reversed(manifest["labels"]))
    del manifest["files"]
    folders.finish(made, manifest)
    with pytest.raises(folders.InvalidFolder, match="other columns"):
        list(folders.read_pairs(made, folders.HELD_OUT))
