"""What is learned of errors is what a slow count says, in whatever blocks the readings come."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.audit.learned import AGREEING, LEAST_OF_A_CLASS, RATES, Learned, learn
from ml.audit.readings import NO_EARLIER, Readings
from tests.ml.audit.worlds import flipped, split, world


def drawn(seed: int, n: int) -> Readings:
    """Readings with everything that can be known, and can be missing."""
    rng = np.random.default_rng(seed)
    truth, probability = world(rng, n)
    missing = rng.random(truth.shape) < 0.05
    return Readings(
        probability=np.where(missing, np.nan, np.round(probability, 3)),
        asserted=truth ^ flipped(rng, truth, 0.03),
        counts=rng.random(truth.shape) < 0.9,
        others_for=rng.integers(0, 3, truth.shape),
        others_against=rng.integers(0, 3, truth.shape),
        earlier=rng.integers(NO_EARLIER, 2, truth.shape),
        reader=rng.integers(0, 4, n),
    )


def slowly(readings: Readings, label: int) -> dict[str, object]:
    """The same for one label, one reading at a time."""
    clear = [i for i in range(len(readings.asserted)) if readings.counts[i, label]]
    known = [i for i in clear if not np.isnan(readings.probability[i, label])]
    said = {i: int(readings.asserted[i, label]) for i in clear}
    chance = {i: (1 - readings.probability[i, label], readings.probability[i, label]) for i in known}
    number = [sum(said[i] == k for i in known) for k in (0, 1)]
    start = [sum(chance[i][k] for i in known if said[i] == k) / number[k] for k in (0, 1)]
    counted = np.zeros((2, 2))
    for i in known:
        sure = [k for k in (0, 1) if chance[i][k] >= start[k] and chance[i][k] >= 0.5]
        if sure:
            counted[said[i], sure[-1]] += 1
    joint = counted / counted.sum(axis=1, keepdims=True) * np.array(number)[:, None] / len(known)
    agree, worth = AGREEING
    rates: dict[str, list[float]] = {"others": [], "earlier": []}
    for k in (0, 1):
        mine = [i for i in clear if said[i] == k]
        asserting = sum(int(readings.others_for[i, label]) for i in mine)
        against = sum(int(readings.others_against[i, label]) for i in mine)
        usual = agree if k else 1 - agree
        rates["others"].append((asserting + worth * usual) / (asserting + against + worth))
        before = [int(readings.earlier[i, label]) for i in mine if readings.earlier[i, label] != NO_EARLIER]
        rates["earlier"].append((sum(before) + worth * usual) / (len(before) + worth))
    return {"readings": number, "confident_from": start, "joint": joint, **rates}


def test_is_what_a_slow_count_says() -> None:
    readings = drawn(1, 1500)
    learned = learn(lambda: [readings], 3)
    for label in range(3):
        for name, value in slowly(readings, label).items():
            np.testing.assert_allclose(getattr(learned, name)[label], value, err_msg=name)
    share = learned.joint[learned.enough]
    expected = (share[:, 0, 1] + share[:, 1, 0]) * learned.readings[learned.enough].sum(axis=1)
    np.testing.assert_allclose(np.nansum(learned.errors), expected.sum())


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 50), st.lists(st.integers(0, 300), max_size=5))
def test_blocks_make_no_difference(seed: int, places: list[int]) -> None:
    readings = drawn(seed, 300)
    whole, parts = learn(lambda: [readings], 3), learn(lambda: split(readings, places), 3)
    for name, value in vars(whole).items():
        np.testing.assert_allclose(getattr(parts, name), value, rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("share", [0.01, 0.03, 0.08])
def test_the_rate_of_errors_is_found(share: float) -> None:
    rng = np.random.default_rng(5)
    truth, probability = world(rng, 40_000, sharpness=40.0)  # a model that is nearly always sure
    learned = learn(lambda: [Readings.of(probability, truth ^ flipped(rng, truth, share))], 3)
    assert learned.rate == pytest.approx(share, rel=0.35)


def few(asserted: int) -> Learned:
    said = np.zeros((1000, 1), bool)
    said[:asserted] = True
    return learn(lambda: [Readings.of(np.where(said, 0.9, 0.1), said)], 1)


def test_a_label_with_few_readings_of_a_kind_says_so() -> None:
    assert not few(LEAST_OF_A_CLASS - 1).enough[0] and few(LEAST_OF_A_CLASS).enough[0]
    assert np.isnan(few(0).errors).all() and not np.isnan(few(LEAST_OF_A_CLASS).errors).any()


def test_an_archive_without_readings_is_no_error() -> None:
    learned = learn(lambda: [], 2)
    assert not learned.enough.any() and RATES[0] <= learned.rate <= RATES[1]
    np.testing.assert_allclose(learned.others, [[0.1, 0.9]] * 2)
