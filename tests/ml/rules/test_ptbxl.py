"""The rules agree with PTB-XL's experts at least as well as measured once, less a margin."""

import numpy as np
import pytest

from benchmarks.rule_reader import MIN_POSITIVES, Corpus, corpus, kappa
from ml.evaluation.metrics import auroc_auprc
from ml.starter.ptbxl import LABELS

FLOORS = {
    "rbbb": 0.66,
    "lbbb": 0.82,
    "afib": 0.78,
    "rad": 0.82,
    "lvh": 0.32,
    "anterior_mi": 0.54,
    "inferior_mi": 0.44,
}
"""Least kappa at the textbook's thresholds."""


@pytest.fixture(scope="module")
def ecgs(shared) -> Corpus:
    if not (shared / "ptbxl/ptbxl_zscored_250hz.npz").exists():
        pytest.skip("shared/data/ptbxl is absent")
    return corpus(shared / "ptbxl")


@pytest.mark.slow
def test_the_rules_agree_with_the_experts(ecgs: Corpus) -> None:
    keys = list(LABELS)
    for key, floor in FLOORS.items():
        k = keys.index(key)
        known = ecgs.known[:, k]
        assert kappa(ecgs.positive[known, k], ecgs.scores[known, k] >= 0) > floor, key
    of_labels = slice(0, len(keys))
    aurocs, _ = auroc_auprc(ecgs.scores[:, of_labels], ecgs.positive[:, of_labels], ecgs.known[:, of_labels])
    enough = (ecgs.positive & ecgs.known)[:, of_labels].sum(axis=0) >= MIN_POSITIVES
    assert aurocs[enough].mean() > 0.935


@pytest.mark.slow
def test_voltages_help_where_they_are_known(ecgs: Corpus) -> None:
    """Left ventricular hypertrophy, AUROC: ECGs in millivolt against z-scored ones."""
    k = list(LABELS).index("lvh")
    both = [
        auroc_auprc(*(array[which][:, k : k + 1] for array in (ecgs.scores, ecgs.positive, ecgs.known)))[0][0]
        for which in (ecgs.in_millivolt, np.logical_not(ecgs.in_millivolt))
    ]
    assert both[0] > both[1] + 0.03
