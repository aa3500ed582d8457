import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from ml.evaluation.draws import Patients
from ml.study.measure import Truth, differences, measure


def make_truth(n=120):
    random = np.random.default_rng(0)
    positive = random.random((n, 3)) < [0.4, 0.2, 0.0]
    truth = Truth(positive, random.random((n, 3)) < 0.9, np.repeat(np.arange(n // 2), 2).astype(str))
    return truth, [random.normal(size=(n, 3)) + positive * strength for strength in (2.0, 1.0, 1.5)]


def test_an_arm_s_figure_is_the_mean_over_its_seeds_in_every_draw():
    truth, scores = make_truth()
    figures = measure(scores, truth, draws=100)
    summary = figures.summary(["a", "b", "never"])
    use = truth.counts[:, 1]
    each = [average_precision_score(truth.positive[use, 1], seed[use, 1]) for seed in scores]
    assert summary["labels"]["b"]["auprc"]["value"] == pytest.approx(np.mean(each))
    assert summary["labels"]["b"]["auprc"]["seed_sd"] == pytest.approx(np.std(each, ddof=1))
    drawer, by_draw = Patients(truth.patients, 0), []
    for draw in range(100):
        rows = np.repeat(np.arange(120), drawer.draw(draw).astype(int) * use)
        by_draw.append(np.mean([roc_auc_score(truth.positive[rows, 1], seed[rows, 1]) for seed in scores]))
    assert summary["labels"]["b"]["auroc"]["ci"] == pytest.approx(np.percentile(by_draw, [2.5, 97.5]))
    never = summary["labels"]["never"]["auroc"]
    assert (never["value"], never["undefined"]) == (None, "not both classes in the test split")
    macro = np.mean([summary["labels"][key]["auroc"]["value"] for key in "ab"])
    assert summary["macro"]["auroc"]["value"] == pytest.approx(macro)
    assert len(summary["macro_curves"]["roc"]["value"]) == 101


def test_arms_are_compared_draw_by_draw():
    truth, scores = make_truth()
    strong, weak = (measure([scores[k]], truth, draws=100) for k in (0, 1))
    rows = {(row["metric"], row["label"]): row for row in differences(strong, weak, ["a", "b", "never"])}
    a = rows["auroc", "a"]
    assert a["difference"] == pytest.approx(a["value"] - a["other"])
    low, high = np.percentile(strong.drawn["auroc"][:, 0] - weak.drawn["auroc"][:, 0], [2.5, 97.5])
    assert a["difference_ci"] == pytest.approx([low, high])
    assert rows["auprc", "never"]["difference"] is None
    assert rows["auroc", "macro"]["p"] < 0.05
