"""PTB-XL as a dataset: real ECGs, the labels of the experts' codes, and the rules as the machine."""

import csv
from pathlib import Path

import numpy as np
import pytest

from ml.archives.ptbxl import scp_codes
from ml.corpus.store import Store
from ml.starter.corpus import main
from ml.starter.ptbxl import LABELS, label

RAW, CUT, ABSENT = 4, 3, 2  # ECGs with a record, with a window alone, with neither


@pytest.fixture(scope="module")
def ptbxl(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small PTB-XL."""
    if not (shared / "ptbxl/ptbxl_zscored_250hz.npz").exists():
        pytest.skip("shared/data/ptbxl is absent")
    folder = tmp_path_factory.mktemp("ptbxl")
    for name in ("records500", "ptbxl_zscored_250hz.npz"):
        (folder / name).symlink_to(shared / "ptbxl" / name)
    wanted = {"raw": RAW, "cut": CUT, "absent": ABSENT}
    with np.load(shared / "ptbxl/ptbxl_zscored_250hz.npz") as content:
        cut = {str(ecg_id) for ecg_id in content["ecg_id"].tolist()}
    with (shared / "ptbxl/ptbxl_database.csv").open(newline="", encoding="utf-8") as table:
        reader = csv.DictReader(table)
        rows = []
        for row in reader:
            raw = (shared / "ptbxl" / f"{row['filename_hr']}.hea").exists()
            kind = "raw" if raw else "cut" if row["ecg_id"] in cut else "absent"
            if wanted[kind]:
                wanted[kind] -= 1
                rows.append(row)
    with (folder / "ptbxl_database.csv").open("w", newline="", encoding="utf-8") as table:
        writer = csv.DictWriter(table, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return folder


def test_a_folder_becomes_a_dataset(ptbxl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["corpus", str(ptbxl), str(tmp_path / "dataset")])
    assert main() == 0
    store = Store(tmp_path / "dataset")
    assert len(store.windows) == RAW + CUT
    assert [key for key, _ in store.labels] == list(LABELS)
    assert all(1 <= fold <= 8 for fold in store.column("fold"))
    assert np.isnan(store.scale_mv()).any(axis=1).sum() == CUT, "voltages are known where there is a record"
    with (ptbxl / "ptbxl_database.csv").open(newline="", encoding="utf-8") as table:
        rows = {row["ecg_id"]: row for row in csv.DictReader(table)}
    positive, counts = store.targets("overread", "ignore")
    machine, of_machine = store.targets("machine", "ignore")
    assert of_machine.all() and machine.any(), "the rules read every ECG"
    said = store.said("machine")
    for place, ecg_id in enumerate(store.column("ecg_id").tolist()):
        known = label(scp_codes(rows[ecg_id]["scp_codes"]), rows[ecg_id]["heart_axis"], rows[ecg_id]["report"])
        for bit, key in enumerate(LABELS):
            assert bool(positive[place, bit]) == (known[key] is True)
            assert bool(counts[place, bit]) == (known[key] is not None), "what PTB-XL leaves open does not count"
    texts = {store.statements[number] for number in said.numbers.tolist()}
    assert all(not any(character.isdigit() for character in each.text) for each in texts), "no measurements"
