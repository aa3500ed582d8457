import json
import shutil

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.metrics import average_precision_score, roc_auc_score

from ml.bundle import InvalidBundle, read_manifest
from ml.corpus.store import Store, StoreWriter
from ml.evaluate import figures, run
from ml.signals import Preprocessing


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


def test_what_it_returns_is_in_metrics_json(evaluation, said):
    folder = evaluation(split="validation")
    result = run(folder, said)
    assert json.loads((folder / "metrics.json").read_text()) == json.loads(json.dumps(result))


def test_figures_are_scikit_learns_against_either_reading(store):
    rows = store.rows("train")
    random = np.random.default_rng(0)
    logits = random.normal(size=(len(rows), 3))
    result = figures(store, rows, logits, expit(logits), "positive", draws=50)
    for reading in ("overread", "machine"):
        targets, counts = store.targets(reading, "positive")
        per_label = result[reading]["labels"]
        for k, key in enumerate(["fast", "upside_down"]):
            use = counts[rows, k]
            label, score = targets[rows][use, k], logits[use, k]
            assert per_label[key]["auroc"] == pytest.approx(roc_auc_score(label, score))
            assert per_label[key]["auprc"] == pytest.approx(average_precision_score(label, score))
            low, high = per_label[key]["auroc_ci"]
            assert low < per_label[key]["auroc"] < high
            assert per_label[key]["windows"] == use.sum()
        macro = np.mean([per_label[key]["auroc"] for key in ("fast", "upside_down")])
        assert result[reading]["macro_auroc"] == pytest.approx(macro)
        assert result[reading]["macro_labels"] == 2
        assert per_label["never"] | {"brier": 0, "ece": 0} == {
            "windows": per_label["never"]["windows"],
            "positives": 0,
            **dict.fromkeys(["auroc", "auroc_ci", "auprc", "auprc_ci"]),
            "brier": 0,
            "ece": 0,
        }
    assert json.dumps(result, allow_nan=False)


def test_without_machine_readings_the_figures_are_null_not_wrong(tmp_path):
    with StoreWriter(tmp_path / "store", [("a", "A")], Preprocessing().to_dict()) as writer:
        for number in range(8):
            row = {"ecg_id": str(number), "start_s": 0.0, "patient": str(number), "overread_present": number % 2}
            writer.append(np.zeros((1, 12, 2500), np.float32), [{**row, "overread_uncertain": 0}])
        writer.finish(0, (0.0, 0.0, 1.0))
    store = Store(tmp_path / "store")
    positive = store.targets("overread", "positive")[0]
    probabilities = np.where(positive > 0, 0.9, 0.1)
    result = figures(store, store.rows("test"), logit(probabilities), probabilities, "positive", draws=20)
    assert result["overread"]["macro_auroc"] == 1.0
    assert result["machine"]["macro_auroc"] is None
    assert result["machine"]["macro_auroc_ci"] is None
    assert result["machine"]["labels"]["a"] == {"windows": 0, "positives": 0}


def test_a_model_of_other_labels_or_preprocessing_is_refused(evaluation, bundle_folder, tmp_path, said):
    wrong = shutil.copytree(bundle_folder, tmp_path / "wrong")
    text = (wrong / "bundle.json").read_text()
    folder = evaluation(bundle=str(wrong))
    for old, new, message in [
        ('"key": "fast"', '"key": "slow"', "same labels"),
        ('"antialias": false', '"antialias": true', "preprocessed alike"),
    ]:
        (wrong / "bundle.json").write_text(text.replace(old, new, 1))
        with pytest.raises(ValueError, match=message):
            run(folder, said)


def test_an_absent_model_is_refused(evaluation, tmp_path, said):
    with pytest.raises(InvalidBundle):
        run(evaluation(bundle=str(tmp_path / "absent")), said)
