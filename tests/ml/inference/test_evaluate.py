import csv
import json
import shutil

import numpy as np
import pytest

from ml.bundles.bundle import InvalidBundle, read_manifest
from ml.corpus.store import Store, StoreWriter
from ml.evaluation.report import without_curves
from ml.inference.evaluate import run
from ml.signals import Preprocessing
from tests.ml.conftest import LABELS, make_window


@pytest.fixture
def evaluation(tmp_path, bundle_folder, store_folder):
    def make(**config):
        folder = tmp_path / "evaluation"
        folder.mkdir()
        default = {"bundle": str(bundle_folder), "dataset": str(store_folder), "device": "cpu"}
        (folder / "config.json").write_text(json.dumps({**default, **config}))
        return folder

    return make


def test_on_the_test_split_it_finds_what_training_found(evaluation, bundle_folder, said):
    result = run(evaluation(), said)
    trained = read_manifest(bundle_folder).metrics
    for reading in ("overread", "machine"):
        assert result[reading]["macro_auprc"] == pytest.approx(trained[reading]["macro_auprc"])
    assert result["split"] == "test"


def test_what_it_returns_is_in_metrics_json_and_csv(evaluation, said):
    folder = evaluation(split="validation")
    result = run(folder, said)
    kept = json.loads((folder / "metrics.json").read_text())
    assert len(kept["overread"]["labels"]["fast"]["curves"]["roc"]["value"]) == 101
    assert without_curves({"overread": kept["overread"]}) == {"overread": json.loads(json.dumps(result["overread"]))}
    with (folder / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    [auroc] = [row for row in rows if (row["reading"], row["label"], row["metric"]) == ("machine", "fast", "auroc")]
    assert float(auroc["value"]) == result["machine"]["labels"]["fast"]["auroc"]
    [never] = [row for row in rows if (row["reading"], row["label"], row["metric"]) == ("overread", "never", "auprc")]
    assert (never["value"], never["undefined"]) == ("", "no window is positive")


def test_a_model_beside_itself_does_not_differ(evaluation, bundle_folder, said):
    folder = evaluation(compare_with=str(bundle_folder), split="train")
    compared = run(folder, said)["comparison"]["overread"]
    assert compared["macro"]["auroc"]["difference"] == 0
    assert compared["labels"]["fast"]["auprc"]["difference_ci"] == [0, 0]
    assert compared["labels"]["fast"]["auprc"]["p"] == 1
    assert compared["labels"]["fast"]["delong"] == {"z": None, "p": None, "undefined": "the difference has no variance"}
    assert compared["labels"]["never"]["auroc"]["undefined"] == "not both classes"
    assert json.loads((folder / "metrics.json").read_text())["comparison"]["overread"] == compared


def test_a_model_of_other_labels_or_preprocessing_is_refused(evaluation, bundle_folder, tmp_path, rewrite, said):
    wrong = shutil.copytree(bundle_folder, tmp_path / "wrong")
    text = (wrong / "bundle.json").read_text()
    folder = evaluation(bundle=str(wrong))
    for old, new, message in [
        ('"key": "fast"', '"key": "slow"', "same labels"),
        ('"antialias": false', '"antialias": true', "preprocessed alike"),
    ]:
        rewrite(wrong, text.replace(old, new))
        with pytest.raises(ValueError, match=message):
            run(folder, said)


def test_an_absent_model_is_refused(evaluation, tmp_path, said):
    with pytest.raises(InvalidBundle):
        run(evaluation(bundle=str(tmp_path / "absent")), said)


def test_on_a_whole_other_corpus_patients_of_the_training_are_left_out_and_counted(
    evaluation, bundle_folder, store_folder, tmp_path, said
):
    """A corpus of which every ECG is in its train split, with 24 patients whom the model knows or not, and 10 others."""
    rng = np.random.default_rng(7)
    with StoreWriter(tmp_path / "other", LABELS, Preprocessing().to_dict()) as writer:
        for number in range(60):
            mask = int(rng.integers(4))
            patient = f"patient{number % 24}" if number < 40 else f"stranger{number % 10}"
            row = {"ecg_id": f"o{number}", "start_s": 0.0, "patient": patient, "overread_present": mask}
            writer.append(make_window(rng, mask)[None], [{**row, "overread_uncertain": 0}])
        writer.finish(0, (1.0, 0.0, 0.0))
    own = Store(store_folder)
    tested = set(own.column("patient")[own.rows("test")].tolist())
    result = run(evaluation(dataset=str(tmp_path / "other"), split="all"), said)
    assert result["split"] == "all"
    assert result["seen_patients"]["patients"] == 34
    assert result["seen_patients"]["excluded"] == result["seen_patients"]["model"] == 24 - len(tested)
    there = [f"patient{number % 24}" for number in range(40)]
    assert result["windows"] == 20 + sum(patient in tested for patient in there)
    assert result["overread"]["patients"] == 10 + len(tested)
    with pytest.raises(ValueError, match="test split is empty"):
        shutil.rmtree(tmp_path / "evaluation")
        run(evaluation(dataset=str(tmp_path / "other")), said)
