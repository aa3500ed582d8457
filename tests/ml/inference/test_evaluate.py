import csv
import json
import shutil

import pytest

from ml.bundles.bundle import InvalidBundle, read_manifest
from ml.evaluation.report import without_curves
from ml.inference.evaluate import run


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
