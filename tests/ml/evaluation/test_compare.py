import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from ml.evaluation.compare import compare
from ml.evaluation.draws import Patients


def make_rows(n=300):
    random = np.random.default_rng(0)
    positive = random.random((n, 3)) < [0.4, 0.2, 0.0]
    common = random.normal(size=(n, 3)) + positive
    return (common + 0.1 * random.normal(size=(n, 3)), common + random.normal(size=(n, 3))), positive


def test_a_draw_s_difference_is_of_the_same_patients():
    scores, positive = make_rows()
    patients = np.repeat(np.arange(150), 2).astype(str)
    result = compare(["a", "b", "never"], scores, positive, np.ones_like(positive), patients=patients, draws=60, seed=3)
    differences = []
    for draw in range(60):
        rows = np.repeat(np.arange(300), Patients(patients, 3).draw(draw).astype(int))
        differences.append(
            roc_auc_score(positive[rows, 0], scores[0][rows, 0]) - roc_auc_score(positive[rows, 0], scores[1][rows, 0])
        )
    auroc = result["labels"]["a"]["auroc"]
    assert auroc["difference_ci"] == pytest.approx(np.percentile(differences, [2.5, 97.5]))
    assert auroc["difference"] == pytest.approx(auroc["value"] - auroc["other"])
    assert auroc["p"] == pytest.approx(2 / 61)  # no draw of sixty on the other side
    assert result["labels"]["a"]["delong"]["p"] < 0.01
    auprc = result["labels"]["b"]["auprc"]
    assert auprc["other"] == pytest.approx(average_precision_score(positive[:, 1], scores[1][:, 1]))
    macro = result["macro"]["auroc"]
    assert macro["difference"] == pytest.approx(np.mean([result["labels"][key]["auroc"]["difference"] for key in "ab"]))


def test_the_other_way_round_is_the_same_with_the_sign_turned():
    scores, positive = make_rows()
    patients = np.arange(300).astype(str)
    one, other = (
        compare(["a", "b", "never"], pair, positive, np.ones_like(positive), patients=patients, draws=50, seed=0)
        for pair in (scores, scores[::-1])
    )
    for key in "ab":
        for name in ("auroc", "auprc"):
            assert one["labels"][key][name]["difference"] == -other["labels"][key][name]["difference"]
            assert one["labels"][key][name]["p"] == other["labels"][key][name]["p"]
        assert one["labels"][key]["delong"]["z"] == pytest.approx(-other["labels"][key]["delong"]["z"])


def test_what_cannot_be_compared_is_null_and_says_why():
    scores, positive = make_rows()
    positive[1:, 1] = False
    patients = np.arange(300).astype(str)
    result = compare(
        ["a", "b", "never"], scores, positive, np.ones_like(positive), patients=patients, draws=20, seed=0
    )["labels"]
    assert result["never"]["auroc"]["difference"] is None
    assert result["never"]["auroc"]["undefined"] == "not both classes"
    assert result["b"]["delong"] == {"z": None, "p": None, "undefined": "a class comes from fewer than two patients"}
