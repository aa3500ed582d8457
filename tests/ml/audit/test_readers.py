"""Readers are compared on what they read: who takes the hard ECGs is not the worse for it."""

import numpy as np
import pytest

from ml.audit.evidence import LIKELY_WRONG, weigh
from ml.audit.learned import learn
from ml.audit.readers import DOUBT, LIKELY, WORTH, rate_readers
from ml.audit.readings import Readings
from tests.ml.audit.worlds import flipped, split, world, world_with_hard_ecgs


def test_is_what_a_slow_count_says() -> None:
    rng = np.random.default_rng(1)
    truth, probability = world(rng, 400)
    reader = rng.integers(0, 3, 400)
    readings = Readings.of(probability, truth ^ flipped(rng, truth, 0.05), reader=reader)
    learned = learn(lambda: [readings], 3)
    rates = rate_readers(lambda: split(readings, [100, 350]), learned, 3)
    wrong = weigh(readings, learned).probability >= LIKELY_WRONG
    likely = np.searchsorted(LIKELY, probability, side="right")
    doubt = np.minimum(probability, 1 - probability)
    for who in range(3):
        expected = 0.0
        for i in np.flatnonzero(reader == who):
            for k in np.flatnonzero(learned.enough):
                others = reader != who
                usual = wrong[others, k].mean()
                elsewhere = np.searchsorted(DOUBT, np.delete(doubt, k, axis=1).sum(axis=1), side="right")
                for alike in (likely[:, k] == likely[i, k], elsewhere == elsewhere[i]):
                    others = others & alike
                    usual = (wrong[others, k].sum() + WORTH * usual) / (others.sum() + WORTH)
                expected += usual
        found = wrong[reader == who][:, learned.enough].sum()
        assert (rates.readings[who], rates.flagged[who]) == ((reader == who).sum(), found)
        assert rates.expected[who] == pytest.approx(expected)
        assert rates.ratio[who] == pytest.approx(found / expected)
        assert rates.low[who] < rates.ratio[who] < rates.high[who]


def test_a_careful_reader_of_the_hard_ecgs_is_not_ranked_worse() -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        truth, probability, hard = world_with_hard_ecgs(rng, 12_000)
        reader = 2 + rng.integers(0, 5, len(truth))
        reader[hard & (rng.random(len(truth)) < 0.8)] = 1  # errs half as often as anybody else
        share = np.where(reader == 1, 0.015, 0.03)[:, None]
        readings = Readings.of(probability, truth ^ flipped(rng, truth, share), reader=reader)
        against_model = ((probability > 0.5) != readings.asserted).mean(axis=1)
        plainly = np.bincount(reader, against_model) / np.maximum(np.bincount(reader), 1)
        assert plainly[1] > plainly[2:].max()  # counted plainly he is the worst
        rates = rate_readers(lambda of=readings: [of], learn(lambda of=readings: [of], 3), 7)
        assert rates.low[1] <= 1 and rates.ratio[1] <= np.median(rates.ratio[2:])


def test_a_careless_reader_is_found() -> None:
    rng = np.random.default_rng(9)
    truth, probability = world(rng, 12_000, sharpness=5.0)
    reader = 1 + rng.integers(0, 6, len(truth))
    share = np.where(reader == 3, 0.09, 0.03)[:, None]
    readings = Readings.of(probability, truth ^ flipped(rng, truth, share), reader=reader)
    rates = rate_readers(lambda: [readings], learn(lambda: [readings], 3), 7)
    assert rates.low[3] > 1.5 and (rates.low[[1, 2, 4, 5, 6]] <= 1.1).all()


def test_intervals_of_readers_who_are_alike_cover_one() -> None:
    covered = []
    for seed in range(30):
        rng = np.random.default_rng([7, seed])
        truth, probability = world(rng, 3000, sharpness=5.0)
        together = np.repeat(flipped(rng, truth[:, :1], 0.04), 3, axis=1)  # all labels of an ECG are wrong at once
        readings = Readings.of(probability, truth ^ together, reader=rng.integers(0, 6, len(truth)))
        rates = rate_readers(lambda of=readings: [of], learn(lambda of=readings: [of], 3), 6)
        covered.append((rates.low <= 1) & (rates.high >= 1))
    assert 0.9 <= np.mean(covered) <= 1


def test_a_reader_without_readings_has_no_ratio() -> None:
    readings = Readings.of(np.full((50, 1), 0.5), np.arange(50)[:, None] < 25)
    rates = rate_readers(lambda: [readings], learn(lambda: [readings], 1), 3)
    assert np.isnan(rates.ratio[1:]).all() and rates.readings.tolist() == [50, 0, 0]
