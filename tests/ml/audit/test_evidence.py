"""What speaks against a label, and that labels which are wrong come first."""

import numpy as np
import pytest
from scipy.special import expit, logit

from ml.audit.evidence import LIKELY_WRONG, weigh
from ml.audit.learned import learn
from ml.audit.readings import Readings
from tests.ml.audit.worlds import flipped, world


def test_wrong_labels_come_first() -> None:
    rng = np.random.default_rng(2)
    truth, probability = world(rng, 5000, sharpness=6.0)
    wrong = flipped(rng, truth, 0.03)
    readings = Readings.of(probability, truth ^ wrong)
    evidence = weigh(readings, learn(lambda: [readings], 3)).probability
    found = wrong.ravel()[np.argsort(-evidence.ravel())]
    assert found[:100].mean() >= 0.9
    flags = evidence >= LIKELY_WRONG
    assert flags.sum() > 100 and wrong[flags].mean() >= 0.6
    assert evidence.sum() == pytest.approx(wrong.sum(), rel=0.6)


def test_evidence_is_the_odds_of_all_errors_times_each_piece() -> None:
    rng = np.random.default_rng(3)
    truth, probability = world(rng, 2000)
    second = truth ^ flipped(rng, truth, 0.1)
    readings = Readings.of(
        probability,
        truth ^ flipped(rng, truth, 0.05),
        others_for=second.astype(int),
        others_against=(~second).astype(int),
        earlier=np.where(rng.random(truth.shape) < 0.5, second, -1).astype(int),
    )
    learned = learn(lambda: [readings], 3)
    found = weigh(readings, learned)
    for i, k in [(0, 0), (7, 1), (19, 2), *zip(*np.nonzero(readings.asserted), strict=True)][:60]:
        for_label = logit(np.clip(probability[i, k], 1e-4, 1 - 1e-4))
        if readings.others_for[i, k]:
            for_label += np.log(learned.others[k, 1] / learned.others[k, 0])
        else:
            for_label += np.log((1 - learned.others[k, 1]) / (1 - learned.others[k, 0]))
        if readings.earlier[i, k] == 1:
            for_label += np.log(learned.earlier[k, 1] / learned.earlier[k, 0])
        if readings.earlier[i, k] == 0:
            for_label += np.log((1 - learned.earlier[k, 1]) / (1 - learned.earlier[k, 0]))
        against = -for_label if readings.asserted[i, k] else for_label
        assert found.probability[i, k] == pytest.approx(expit(logit(learned.rate) + against))


def one(asserted: bool, **known: int) -> float:
    """The evidence against one reading of an archive in which readers agree nine times in ten."""
    rng = np.random.default_rng(4)
    truth = rng.random((2000, 1)) < 0.3
    beside = truth ^ (rng.random(truth.shape) < 0.1)
    archive = Readings.of(
        np.where(truth, 0.8, 0.1),
        truth,
        others_for=beside.astype(int),
        others_against=(~beside).astype(int),
        earlier=beside.astype(int),
    )
    learned = learn(lambda: [archive], 1)
    given = {name: np.array([[value]]) for name, value in known.items()}
    return float(weigh(Readings.of(np.array([[0.5]]), np.array([[asserted]]), **given), learned).probability[0, 0])


@pytest.mark.parametrize("asserted", [True, False])
def test_each_piece_speaks_in_its_direction(asserted: bool) -> None:
    against, agreeing = ("others_against", "others_for") if asserted else ("others_for", "others_against")
    assert (
        one(asserted, **{agreeing: 1}) < one(asserted) < one(asserted, **{against: 1}) < one(asserted, **{against: 2})
    )
    assert one(asserted, earlier=int(asserted)) < one(asserted, earlier=-1) == one(asserted)
    assert one(asserted) < one(asserted, earlier=int(not asserted))


def test_without_a_model_the_labels_frequency_is_its_word() -> None:
    said = np.zeros((1000, 1), bool)
    said[:5] = True  # too few to learn from
    unknown = np.full(said.shape, np.nan)
    readings = Readings.of(unknown, said)
    learned = learn(lambda: [readings], 1)
    found = weigh(readings, learned)
    assert found.model[0, 0] == pytest.approx(logit(1 - learned.prevalence[0]))
    assert np.isfinite(found.probability).all() and found.probability[-1, 0] < 0.01


def test_a_hedge_is_never_listed() -> None:
    said = np.ones((100, 1), bool)
    readings = Readings.of(np.full(said.shape, 1e-6), said, np.zeros(said.shape, bool))
    assert (weigh(readings, learn(lambda: [readings], 1)).probability == 0).all()
