import json

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.metrics import average_precision_score, brier_score_loss, confusion_matrix, roc_auc_score

from ml.corpus.store import Store, StoreWriter
from ml.evaluation.bootstrap import bootstrap
from ml.evaluation.compare import comparison
from ml.evaluation.csv_rows import metric_rows
from ml.evaluation.report import Scored, metrics_of, without_curves
from ml.evaluation.subgroups import SITES, subgroups
from ml.signals import Preprocessing

KEYS = ["a", "b", "never"]


@pytest.fixture(scope="module")
def measured_store(tmp_path_factory):
    """A world of 200 windows of 100 patients, all test, and scores that know something of two of its labels."""
    random = np.random.default_rng(7)
    folder = tmp_path_factory.mktemp("store") / "store"
    with StoreWriter(folder, [(key, key) for key in KEYS], Preprocessing().to_dict()) as writer:
        for number in range(200):
            mask = int(random.random() < 0.4) + 2 * int(random.random() < 0.15)
            row = {
                "ecg_id": str(number),
                "start_s": 0.0,
                "patient": str(number // 2),
                "overread_present": mask,
                "overread_uncertain": 0,
                "machine_present": None if number % 10 == 0 else mask ^ int(random.random() < 0.2),
                "machine_uncertain": None if number % 10 == 0 else 0,
                "sex": [None, "male", "female", "female"][number // 2 % 4],
                "age": [None, 17.9, 40, 81][number // 2 % 4],
                "site": "one" if number < 190 else "two",
            }
            writer.append(np.zeros((1, 12, 2500), np.float32), [row])
        writer.finish(0, (0.0, 0.0, 1.0))
    return Store(folder)


@pytest.fixture(scope="module")
def scored(measured_store):
    random = np.random.default_rng(8)
    rows = measured_store.rows("test")
    logits = random.normal(size=(len(rows), 3)) + 1.5 * measured_store.targets("overread", "positive")[0][rows]
    return Scored(rows, logits, expit(logits - 0.5), np.array([0.7, 0.6, 0.5]))


@pytest.fixture(scope="module")
def result(measured_store, scored):
    return metrics_of(measured_store, scored, "positive", draws=100)


@pytest.mark.parametrize("reading", ["overread", "machine"])
def test_figures_are_scikit_learns_against_either_reading(measured_store, scored, result, reading):
    targets, counts = measured_store.targets(reading, "positive")
    against = result[reading]
    for k, key in enumerate(KEYS[:2]):
        use = counts[scored.rows, k]
        label, score, probability = targets[scored.rows][use, k], scored.logits[use, k], scored.probabilities[use, k]
        figure = against["labels"][key]
        assert figure["auroc"] == pytest.approx(roc_auc_score(label, score))
        assert figure["auprc"] == pytest.approx(average_precision_score(label, score))
        assert figure["brier"] == pytest.approx(brier_score_loss(label, probability))
        for name in ("auroc", "auprc"):
            low, high = figure[f"{name}_ci"]
            assert low < figure[name] < high
        assert (figure["windows"], figure["positives"], figure["undefined"]) == (use.sum(), label.sum(), {})
        at = figure["at_threshold"]
        tn, fp, fn, tp = confusion_matrix(label, expit(score) >= at["threshold"]).ravel()
        assert (at["true_negative"], at["false_positive"], at["false_negative"], at["true_positive"]) == (
            tn,
            fp,
            fn,
            tp,
        )
        assert (at["sensitivity"], at["specificity"]) == pytest.approx((tp / (tp + fn), tn / (tn + fp)))
        assert (at["ppv"], at["npv"]) == pytest.approx((tp / (tp + fp), tn / (tn + fn)))
        assert sum(figure["reliability"]["rows"]) == use.sum()
    both = [against["labels"][key]["auroc"] for key in KEYS[:2]]
    assert (against["macro_auroc"], against["macro_labels"]) == (pytest.approx(np.mean(both)), 2)


def test_what_is_undefined_is_null_and_says_why(result):
    never = result["overread"]["labels"]["never"]
    reason = "no window is positive"
    assert [never[name] for name in ("auroc", "auroc_ci", "auprc", "auprc_ci", "curves")] == [None] * 5
    assert never["undefined"] == dict.fromkeys(["auroc", "auroc_ci", "auprc", "auprc_ci"], reason)
    assert never["at_threshold"]["sensitivity"] is None
    assert never["at_threshold"]["undefined"]["sensitivity"] == "no window is positive"
    assert never["brier"] is not None  # of negatives alone it is defined
    assert json.dumps(result, allow_nan=False)


def test_bands_hold_the_draws_curves(measured_store, scored, result):
    positive, counts = (part[scored.rows] for part in measured_store.targets("overread", "positive"))
    patients = measured_store.column("patient")[scored.rows]
    drawn = bootstrap(scored.logits, positive > 0, counts, patients, draws=100, seed=0, curves=True)
    curve = result["overread"]["labels"]["a"]["curves"]["roc"]
    np.testing.assert_allclose(curve["low"], np.percentile(drawn.tpr[:, 0], 2.5, axis=0), atol=1e-5)
    assert all(
        low <= value <= high for low, value, high in zip(*(curve[k] for k in ("low", "value", "high")), strict=True)
    )
    macro = result["overread"]["macro_curves"]["pr"]
    precision = [result["overread"]["labels"][key]["curves"]["pr"]["value"] for key in KEYS[:2]]
    np.testing.assert_allclose(macro["value"], np.mean(precision, axis=0), atol=2e-5)
    assert "curves" not in json.dumps(without_curves(result))


def test_a_subgroup_is_measured_as_if_it_were_alone(measured_store, scored, result):
    groups = {(group["attribute"], group["group"]): group for group in result["overread"]["subgroups"]}
    assert sorted(groups) == [
        ("age", "00 to under 18"),
        ("age", "40 to under 60"),
        ("age", "80 and over"),
        ("age", "unknown"),
        ("sex", "female"),
        ("sex", "male"),
        ("sex", "unknown"),
        ("site", "one"),
        ("site", "two"),
    ]
    women = measured_store.column("sex")[scored.rows] == "female"
    alone = metrics_of(measured_store, Scored(*(part[women] for part in scored[:3])), "positive", draws=100)["overread"]
    group = groups["sex", "female"]
    assert (group["windows"], group["patients"]) == (100, 50)
    for name in ("auroc", "auroc_ci", "auprc", "auprc_ci"):
        assert group["labels"]["a"][name] == alone["labels"]["a"][name]
    assert "subgroups" not in result["machine"]


def test_too_few_patients_of_a_class_give_no_figure_of_a_subgroup(result):
    [two] = [group for group in result["overread"]["subgroups"] if group["group"] == "two"]
    label = two["labels"]["a"]
    assert label["windows"] == 10 and 0 < label["positives"] < 10
    assert label["auroc"] is None
    assert label["undefined"]["auroc"] == "fewer than 5 patients of a class"
    assert two["macro_auroc"] is None and two["undefined"]["macro_auroc"] == "no label has both classes"


def test_many_sites_are_the_largest_and_the_others(tmp_path):
    with StoreWriter(tmp_path / "store", [("a", "A")], Preprocessing().to_dict()) as writer:
        for number in range(60):
            row = {"ecg_id": str(number), "start_s": 0.0, "patient": str(number), "overread_present": 0}
            row |= {"overread_uncertain": 0, "site": f"site{number}" if number < 30 else f"site{number % 20}"}
            writer.append(np.zeros((1, 12, 2500), np.float32), [row])
        writer.finish(0, (0.0, 0.0, 1.0))
    store = Store(tmp_path / "store")
    groups = list(subgroups(store, store.rows("test")))
    assert len(groups) == SITES + 1
    assert {group.attribute for group in groups} == {"site"}  # sex and age are known of nobody
    assert sum(int(group.members.sum()) for group in groups) == 60
    [others] = [group for group in groups if group.name == "other sites"]
    assert others.members.sum() == 10


def test_without_machine_readings_the_figures_are_null_not_wrong(tmp_path):
    with StoreWriter(tmp_path / "store", [("a", "A")], Preprocessing().to_dict()) as writer:
        for number in range(8):
            row = {"ecg_id": str(number), "start_s": 0.0, "patient": str(number), "overread_present": number % 2}
            writer.append(np.zeros((1, 12, 2500), np.float32), [{**row, "overread_uncertain": 0}])
        writer.finish(0, (0.0, 0.0, 1.0))
    store = Store(tmp_path / "store")
    positive = store.targets("overread", "positive")[0]
    probabilities = np.where(positive > 0, 0.9, 0.1)
    result = metrics_of(store, Scored(store.rows("test"), logit(probabilities), probabilities), "positive", draws=20)
    assert result["overread"]["macro_auroc"] == 1.0
    machine = result["machine"]
    assert (machine["windows"], machine["macro_auroc"], machine["macro_auroc_ci"]) == (0, None, None)
    label = machine["labels"]["a"]
    assert (label["windows"], label["auroc"], label["brier"], label["ece"]) == (0, None, None, None)
    assert label["undefined"]["auroc"] == "no window has a report of this source"


def test_macro_figures_are_over_the_same_labels_against_either_source(tmp_path):
    """The machine never says b, and over-readers never say c."""
    random = np.random.default_rng(3)
    with StoreWriter(tmp_path / "store", [(key, key) for key in "abc"], Preprocessing().to_dict()) as writer:
        for number in range(60):
            a = int(random.random() < 0.4)
            row = {"ecg_id": str(number), "start_s": 0.0, "patient": str(number), "overread_uncertain": 0}
            row |= {"overread_present": a | 2 * int(random.random() < 0.4), "machine_uncertain": 0}
            row["machine_present"] = (a ^ int(random.random() < 0.1)) | 4 * int(random.random() < 0.4)
            writer.append(np.zeros((1, 12, 2500), np.float32), [row])
        writer.finish(0, (0.0, 0.0, 1.0))
    store = Store(tmp_path / "store")
    logits = random.normal(size=(60, 3))
    measured = metrics_of(store, Scored(store.rows("test"), logits, expit(logits)), "positive", draws=50)
    for source, undefined in (("overread", "c"), ("machine", "b")):
        against = measured[source]
        assert (against["macro_over"], against["macro_labels"]) == (["a"], 1)
        assert against["macro_auroc"] == against["labels"]["a"]["auroc"]
        assert against["macro_auprc_ci"] == against["labels"]["a"]["auprc_ci"]
        assert against["labels"][undefined]["auroc"] is None
    compared = comparison(store, store.rows("test"), logits, -logits, hedged="positive", draws=50)
    for source in ("overread", "machine"):
        assert compared[source]["macro_over"] == ["a"]
        assert compared[source]["macro"]["auroc"]["value"] == compared[source]["labels"]["a"]["auroc"]["value"]
    rows = [row for row in metric_rows(measured) if row["label"] == "macro" and row["attribute"] == "all"]
    assert {row["macro_over"] for row in rows} == {"a"}
