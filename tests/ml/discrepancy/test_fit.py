"""What is learnt where there is something to learn, what is said where there is nothing, and that no pair leaks."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from ml.discrepancy import folder as folders
from ml.discrepancy import grow, table
from ml.discrepancy.fit import OUT, Config, Learnt, TooFewPairs, learn, run
from ml.discrepancy.folder import FEWEST_PAIRS
from ml.discrepancy.pairs import FILE, PairsFile, of_rows
from ml.discrepancy.score import Scorer
from tests.ml.discrepancy.made import LABELS, made_rows

PAIRS = 1600


@pytest.fixture(autouse=True, scope="module")
def fewer_trees() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grow, "ROUNDS", 30)
        patch.setattr(table, "DRAWS", 200)
        yield


@cache
def learnt(signal: bool = True) -> Learnt:
    pairs = of_rows(made_rows(PAIRS, signal=signal), 2, 2)
    return learn(pairs, LABELS, LABELS, seen=np.zeros(PAIRS, np.bool_))


def macro(measured: dict[str, Any], method: str) -> float:
    return float(measured["macro"]["methods"][method]["auprc"])


def test_where_changes_follow_from_what_is_known_it_is_better_than_every_baseline() -> None:
    for name in ("held_out", "out_of_fold"):
        measured = learnt().table[name]
        assert (measured["verdict"], measured["against"]) == ("better", "difference")
        assert all(
            macro(measured, "model") > macro(measured, each) + 0.01 for each in measured["methods"] if each != "model"
        )
        low, high = measured["macro"]["differences"]["difference"]["auprc"]["difference_ci"]
        assert 0 < low < high


def test_where_changes_follow_from_nothing_it_says_so() -> None:
    for measured in learnt(signal=False).table.values():
        assert measured["verdict"] == "no better"
        low, high = measured["macro"]["differences"]["difference"]["auprc"]["difference_ci"]
        assert low < 0 < high


def test_probabilities_are_calibrated_on_pairs_that_were_held_out() -> None:
    made = learnt()
    kept = made.parts.held_out
    changed = made.pairs.machine[kept] != made.pairs.overread[kept]
    for said, happened in ((made.change[kept], changed), (made.change_any[kept], changed.any(axis=1))):
        assert said.mean() == pytest.approx(happened.mean(), abs=0.03)
        sure = said > 0.5
        assert happened[sure].mean() == pytest.approx(said[sure].mean(), abs=0.08)


def test_held_out_pairs_are_of_other_patients_and_later() -> None:
    made = learnt()
    parts, patient, at = made.parts, made.pairs.patient, made.pairs.recorded_at
    assert not set(patient[parts.fitted]) & set(patient[parts.held_out])
    assert at[parts.fitted].max() < parts.held_out_from <= at[parts.held_out].min()
    assert len(parts.fitted) + len(parts.held_out) + parts.left_out == PAIRS


def test_a_label_with_few_changes_has_no_number_and_its_rate_as_probability() -> None:
    rows = made_rows(600)
    for place, row in enumerate(rows):  # the first label is changed twenty times in all, and added never
        row["machine_present"] |= 1
        row["overread_present"] = row["overread_present"] | 1 if place % 30 else row["overread_present"] & ~1
    made = learn(of_rows(rows, 2, 2), LABELS, LABELS, seen=np.zeros(600, np.bool_))
    for measured in made.table.values():
        for direction in folders.DIRECTIONS:
            entry = measured["labels"]["one"][direction]
            assert entry["reason"].startswith("not enough") and "methods" not in entry
    removed = made.calibrations["one/removed"]
    assert not removed.learnt
    rate = (removed.changes + 0.5) / (removed.pairs + 1)
    assert made.change[made.parts.held_out, 0] == pytest.approx(rate)


def test_logits_of_patients_whom_the_model_has_seen_are_not_read_and_these_are_not_held_out() -> None:
    pairs = of_rows(made_rows(600), 2, 2)
    seen = np.array([int(patient.removeprefix("patient")) % 2 == 0 for patient in pairs.patient.tolist()])
    made = learn(pairs, LABELS, LABELS, seen=seen)
    assert not seen[made.parts.held_out].any()
    assert seen[made.parts.fitted].any()
    assert np.isnan(pairs.logits[seen]).all() and np.isfinite(pairs.logits[~seen]).all()


def test_pairs_without_waveform_or_time_are_usable() -> None:
    pairs = of_rows(made_rows(500, times=False, waveforms=0.5), 2, 2)
    made = learn(pairs, LABELS, LABELS, seen=np.zeros(500, np.bool_))
    assert made.described()["split"]["how"] == "patients"
    every = np.concatenate([made.parts.fitted, made.parts.held_out])
    assert len(every) == 500 and np.isfinite(made.change[every]).all()
    none = learn(of_rows(made_rows(500, waveforms=0), 2, 0), LABELS, (), seen=np.zeros(500, np.bool_))
    assert "difference" not in none.table["out_of_fold"]["methods"]
    assert none.table["out_of_fold"]["against"] in (None, "prior")


def test_too_few_pairs_are_refused_in_words() -> None:
    few = FEWEST_PAIRS - 1
    with pytest.raises(TooFewPairs, match=f"{few} pairs; {FEWEST_PAIRS} are needed"):
        learn(of_rows(made_rows(few), 2, 2), LABELS, LABELS, seen=np.zeros(few, np.bool_))
    alone = [{**row, "patient": "one"} for row in made_rows(FEWEST_PAIRS, times=False)]
    with pytest.raises(TooFewPairs, match="other patients"):
        learn(of_rows(alone, 2, 2), LABELS, LABELS, seen=np.zeros(FEWEST_PAIRS, np.bool_))


@pytest.fixture(scope="module")
def made_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    with PairsFile(folder / FILE) as file:
        for row in made_rows(400, waveforms=0):
            file.append(row)
    (folder / "config.json").write_text(Config(vocabulary="made", labels=LABELS).model_dump_json())

    class Silent:
        def say(self, event: str, **payload: Any) -> None:
            json.dumps(payload, allow_nan=False)

    run(folder, Silent())  # type: ignore[arg-type]
    return folder / OUT


def test_a_pair_is_scored_alone_as_it_was_among_all(made_folder: Path) -> None:
    scorer = Scorer(made_folder)
    rows = {row["ecg_id"]: row for row in made_rows(400, waveforms=0)}
    kept = pq.read_table(made_folder / folders.HELD_OUT).to_pylist()
    together = scorer.changes([rows[each["ecg_id"]] for each in kept])
    for place, each in enumerate(kept[:20]):
        alone = scorer.changes([rows[each["ecg_id"]]])
        for k, label in enumerate(LABELS):
            assert alone.labels[0, k] == together.labels[place, k]
            assert alone.labels[0, k] == pytest.approx(each[f"change_{label}"], abs=1e-6)
        assert alone.any[0] == pytest.approx(each["change_any"], abs=1e-6)


def test_the_same_pairs_give_the_same_files(made_folder: Path, tmp_path: Path) -> None:
    pairs = of_rows(made_rows(400, waveforms=0), 2, 0)
    learn(pairs, LABELS, (), seen=np.zeros(400, np.bool_)).write(tmp_path)
    for name in folders.FILES:
        assert (tmp_path / name).read_bytes() == (made_folder / name).read_bytes()


def test_a_damaged_model_scores_nothing(made_folder: Path, tmp_path: Path) -> None:
    for name in (folders.TREES, folders.MANIFEST):
        copied = tmp_path / name
        copied.mkdir()
        for path in made_folder.iterdir():
            content = path.read_bytes()
            (copied / path.name).write_bytes(content[:-9] if path.name == name else content)
        with pytest.raises(folders.InvalidFolder):
            Scorer(copied)
