import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from ml.evaluation.risk import (
    MOST_OF_A_PATIENT,
    Readings,
    best_stake,
    few_of_each,
    needed,
    p_value,
    passing,
)

ASKED = {"max_missed": 0.02, "level": 0.95}


def world(random: np.random.Generator, patients: int, *, copies: int = 1, more: float = 0.0) -> Readings:
    """Readings whose scores say something; patients are alike in themselves, and have several readings where asked."""
    number = copies + (random.poisson(more, patients) if more else np.zeros(patients, int))
    of = np.repeat(np.arange(patients), number)
    logit = -3.2 + 1.2 * random.normal(size=patients)[of] + (random.normal(size=len(of)) if more else 0)
    changed = random.random(patients)[of] < 1 / (1 + np.exp(-logit))
    scores = 1 / (1 + np.exp(-(logit + random.normal(size=patients)[of])))
    return Readings(scores, changed, of)


def missed_share(of: str, readings: Readings, threshold: float) -> float:
    passed = readings.scores <= threshold
    counted = {"passed": passed, "all": np.ones_like(passed), "changed": readings.changed}[of]
    return (passed & readings.changed).sum() / counted.sum()


@settings(deadline=None)
@given(st.lists(st.integers(0, 6), max_size=40), st.integers(1, 4), st.integers(0, 5))
def test_of_each_patient_few_are_drawn_and_no_more_left_out_than_must_be(patients, most, seed):
    rows = few_of_each(np.array(patients, np.int64), most, seed)
    assert list(rows) == sorted(set(rows))
    for patient in set(patients):
        assert sum(patients[row] == patient for row in rows) == min(most, patients.count(patient))


@given(st.integers(0, 30), st.integers(1, 400), st.floats(0.001, 0.5))
def test_with_one_reading_a_patient_the_test_is_the_exact_binomial_one(missed, passed, limit):
    missed = min(missed, passed)
    counts = np.array([[17, passed - missed], [0, missed]])
    assert p_value(counts, limit, 0.5) == pytest.approx(binom.cdf(missed, passed, limit))


@pytest.mark.parametrize("together", [True, False])
def test_a_bet_seldom_rejects_what_is_true(together):
    """As many are missed as the limit says; a patient's three readings are all missed together, or each by itself."""
    random, limit, patients = np.random.default_rng(3), 0.1, 300
    missed = random.random((4000, patients, 3)) < limit
    if together:
        missed = np.repeat(missed[:, :, :1], 3, axis=2)
    of_patient = missed.sum(axis=2)
    rejected = 0
    for draw in of_patient:
        counts = np.zeros((4, 4), np.int64)
        counts[:, 3] = np.bincount(draw, minlength=4)
        rejected += p_value(counts, limit, 0.3) <= 0.05
    assert 0 < rejected <= 0.05 * 4000  # it can reject, and does so in no more draws than it may


def test_the_stake_that_wins_most_is_found():
    counts = np.zeros((3, 3), np.int64)
    counts[0, 1], counts[0, 2], counts[1, 1], counts[1, 2] = 900, 200, 4, 3
    best = best_stake(counts, 0.02)
    assert p_value(counts, 0.02, best) == min(p_value(counts, 0.02, each / 40) for each in range(1, 40))


@pytest.mark.parametrize("most", [1, 2, 3])
@pytest.mark.parametrize(("limit", "level"), [(0.02, 0.95), (0.1, 0.9), (0.005, 0.99)])
def test_how_many_are_needed_is_how_many_do(most, limit, level):
    def rejects(number: int) -> bool:
        counts = np.zeros((most + 1, most + 1), np.int64)
        counts[0, 1] = number
        return p_value(counts, limit, 39 / 40) <= 1 - level

    assert rejects(needed(limit, level, most))
    assert not rejects(needed(limit, level, most) - 1)


def test_with_too_few_pairs_none_may_pass():
    """One pair less than is needed, of which none was changed, and scores that know it."""
    number = needed(0.02, 0.95, 1)
    proposing = Readings(np.zeros(5000), np.zeros(5000, bool), np.arange(5000))
    for readings, may in ((number, True), (number - 1, False), (1, False), (0, False)):
        held_out = Readings(np.zeros(readings), np.zeros(readings, bool), np.arange(readings))
        found = passing(proposing, held_out, **ASKED)
        assert (found.threshold is not None) == may
        assert (found.passed, found.missed) == (readings if may else 0, 0)


def test_without_proposing_pairs_none_may_pass():
    nothing = Readings(np.empty(0), np.empty(0, bool), np.empty(0, np.int64))
    held_out = Readings(np.zeros(1000), np.zeros(1000, bool), np.arange(1000))
    assert passing(nothing, held_out, **ASKED).threshold is None


def test_a_reading_without_a_score_never_passes():
    random = np.random.default_rng(5)
    proposing, held_out = world(random, 4000), world(random, 3000)
    unknown = np.arange(3000) % 3 == 0
    held_out = held_out._replace(scores=np.where(unknown, np.nan, held_out.scores), changed=held_out.changed | unknown)
    found = passing(proposing, held_out, max_missed=0.04, level=0.95)
    assert found.threshold is not None
    passed = ~unknown & (held_out.scores <= found.threshold)
    assert found.passed == passed.sum() > 500
    assert found.missed == (passed & held_out.changed).sum()


@pytest.mark.parametrize("of", ["passed", "all", "changed"])
def test_the_more_may_be_missed_the_more_pass(of):
    random = np.random.default_rng(6)
    proposing, held_out = world(random, 6000), world(random, 6000)
    passed = [
        passing(proposing, held_out, max_missed=limit, level=0.95, of=of).passed for limit in (0.01, 0.03, 0.06, 0.99)
    ]
    assert passed == sorted(passed)
    assert (passed[-1] == 6000) == (of != "changed")  # where all pass, all changes are missed
    assert passed[0] < passed[2] < passed[3]


def test_scores_that_say_nothing_do_no_harm():
    random = np.random.default_rng(7)
    proposing, held_out = (
        each._replace(scores=random.random(len(each.scores))) for each in (world(random, 4000), world(random, 4000))
    )
    assert held_out.changed.mean() > 0.06
    assert passing(proposing, held_out, **ASKED).threshold is None


@pytest.mark.parametrize(
    ("of", "max_missed"),
    [
        ("passed", 0.04),
        pytest.param("all", 0.02, marks=pytest.mark.slow),
        pytest.param("changed", 0.1, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("more", [0.0, 1.0])
def test_in_200_resamplings_the_bound_holds_in_95_of_100(of, max_missed, more):
    random = np.random.default_rng(11)
    everybody = world(random, 40_000, more=more)
    everybody = everybody.only(few_of_each(everybody.patients))  # of whom the bound speaks
    starts = np.searchsorted(everybody.patients, np.arange(40_001))
    proposing = world(random, 4000, more=more)
    held, passed = 0, []
    for _ in range(200):
        patients = random.integers(0, 40_000, 1500)
        rows = [np.arange(starts[each], starts[each + 1]) for each in patients]
        drawn = everybody.only(np.concatenate(rows))
        of_patient = np.repeat(np.arange(1500), [len(each) for each in rows])
        found = passing(proposing, drawn._replace(patients=of_patient), max_missed=max_missed, level=0.95, of=of)
        held += found.threshold is None or missed_share(of, everybody, found.threshold) <= max_missed
        passed.append(found.passed)
    assert held >= 190
    assert np.mean(np.array(passed) > 0) > 0.5  # it is not that none ever pass


def test_copies_of_readings_are_no_evidence():
    """Each patient's reading three times over: to count them as three breaks the bound, the bet on patients does not."""
    random = np.random.default_rng(12)
    everybody, proposing = world(random, 40_000), world(random, 4000, copies=MOST_OF_A_PATIENT)
    broken, naive = 0, 0
    for _ in range(60):
        patients = np.repeat(random.integers(0, 40_000, 1000), MOST_OF_A_PATIENT)
        numbered = np.repeat(np.arange(1000), MOST_OF_A_PATIENT)
        drawn = everybody.only(patients)
        for of_patient, is_naive in ((numbered, False), (np.arange(len(patients)), True)):
            found = passing(proposing, drawn._replace(patients=of_patient), max_missed=0.04, level=0.95)
            wrong = found.threshold is not None and missed_share("passed", everybody, found.threshold) > 0.04
            naive, broken = naive + (wrong and is_naive), broken + (wrong and not is_naive)
    assert broken <= 3
    assert naive > 6
