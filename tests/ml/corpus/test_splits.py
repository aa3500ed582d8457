import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.corpus.splits import FRACTIONS, SPLITS, split_by_patient

patients = st.lists(st.integers(0, 40).map(str), min_size=1, max_size=120)


@given(patients, st.integers(0, 2**31))
def test_no_patient_is_on_two_sides(rows, seed):
    sides = {}
    for patient, side in zip(rows, split_by_patient(rows, seed), strict=True):
        assert sides.setdefault(patient, side) == side


@given(patients, st.integers(0, 2**31), st.randoms())
def test_the_order_of_the_rows_changes_nothing(rows, seed, random):
    shuffled = random.sample(rows, len(rows))
    before = dict(zip(rows, split_by_patient(rows, seed), strict=True))
    after = dict(zip(shuffled, split_by_patient(shuffled, seed), strict=True))
    assert before == after


@given(patients, st.integers(0, 2**31))
def test_with_three_patients_no_split_is_empty(rows, seed):
    distinct = len(set(rows))
    assert len(set(split_by_patient(rows, seed))) == min(3, distinct)


@pytest.mark.parametrize("fractions", [FRACTIONS, (0.8, 0.1, 0.1), (0.5, 0.5, 0.0), (0.0, 0.0, 1.0)])
def test_shares_are_those_asked_for(fractions):
    split = split_by_patient([str(k) for k in range(1000)], 7, fractions)
    assert [int((split == side).sum()) for side in SPLITS] == [round(1000 * share) for share in fractions]


def test_another_seed_is_another_split():
    rows = [str(k) for k in range(200)]
    assert (split_by_patient(rows, 1) != split_by_patient(rows, 2)).any()


@pytest.mark.parametrize("fractions", [(0.5, 0.2, 0.2), (1.2, -0.1, -0.1)])
def test_shares_that_are_none_are_refused(fractions):
    with pytest.raises(ValueError, match="add up to 1"):
        split_by_patient(["a"], 0, fractions)


def test_no_rows_no_split():
    assert split_by_patient([], 0).dtype.kind == "U"
    assert np.size(split_by_patient([], 0)) == 0
