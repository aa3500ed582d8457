from collections import Counter
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from ml.corpus.split_rules import FRACTIONS, ByDate, ByFold, ByPatient, ByRecord, BySite, SplitRule
from ml.corpus.splits import SPLITS, CannotSplit, assign, split_by_patient

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


# what sources and users say: folds, sites, dates


def columns(**given):
    rows = len(next(iter(given.values())))
    nothing = {name: [None] * rows for name in ("fold", "site", "recorded_at")}
    own = [f"e{k}" for k in range(rows)]
    return {**nothing, "ecg_id": own, "patient": [f"p{k}" for k in range(rows)], **given}


def day(number):
    return datetime(2026, 1, number, tzinfo=UTC)


def test_given_folds_are_the_splits():
    found = assign(ByFold(validation=(9,), test=(10,)), columns(fold=[1, 9, 10, 2, 10, None]), 0)
    assert found.split.tolist() == ["train", "validation", "test", "train", "test", "left_out"]
    assert (found.shared_patients, found.left_out) == (0, {"no_fold": 1})


def test_folds_that_are_not_named_are_left_out_where_train_is():
    found = assign(ByFold(train=(1,), validation=(9,), test=(10,)), columns(fold=[1, 9, 10, 2]), 0)
    assert found.split.tolist() == ["train", "validation", "test", "left_out"]
    assert found.left_out == {"other_fold": 1}


def test_without_validation_a_share_of_the_other_patients_is_taken():
    folds = [k % 10 for k in range(400)]
    patients = [f"p{k // 20}" if k % 10 else f"q{k}" for k in range(400)]  # fold 0 has patients of its own
    found = assign(ByFold(test=(0,)), columns(fold=folds, patient=patients), 3, (0.64, 0.16, 0.2))
    sides = {}
    for patient, side in zip(patients, found.split, strict=True):
        assert sides.setdefault(patient, side) == side
    assert Counter(sides.values()) == {"train": 16, "validation": 4, "test": 40}


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 4)), min_size=3, max_size=60))
def test_a_patient_who_is_left_out_of_earlier_splits_is_in_one(rows):
    patients, folds = [f"p{patient}" for patient, _ in rows], [fold for _, fold in rows]
    rule = ByFold(validation=(3,), test=(4,), shared_patients="leave_out")
    try:
        found = assign(rule, columns(fold=folds, patient=patients), 0)
    except CannotSplit:
        return
    sides = {}
    for patient, side in zip(patients, found.split.tolist(), strict=True):
        if side != "left_out":
            sides.setdefault(patient, set()).add(side)
    assert sides.keys() == set(patients) and all(len(side) == 1 for side in sides.values())
    assert all(side == "test" for side, fold in zip(found.split, folds, strict=True) if fold == 4)
    kept = assign(rule.model_copy(update={"shared_patients": "keep"}), columns(fold=folds, patient=patients), 0)
    parts = {3: "validation", 4: "test"}
    several = {
        each: {parts.get(fold) for patient, fold in zip(patients, folds, strict=True) if patient == each}
        for each in sides
    }
    assert kept.shared_patients == found.shared_patients == sum(len(each) > 1 for each in several.values())


def test_patients_at_two_sites_are_refused_and_counted():
    given = columns(site=["north", "south", "east", "south"], patient=["a", "a", "b", "c"])
    rule = BySite(validation=("east",), test=("south",))
    with pytest.raises(CannotSplit, match=r"split.shared_patients: 1 patients would be in two splits"):
        assign(rule, given, 0)
    assert assign(rule.model_copy(update={"shared_patients": "keep"}), given, 0).shared_patients == 1
    with pytest.raises(CannotSplit, match=r"split.train: the train split would be empty"):
        assign(rule.model_copy(update={"shared_patients": "leave_out"}), given, 0)


def test_a_record_wise_split_counts_shared_patients():
    found = assign(ByRecord(), columns(patient=["a"] * 50 + ["b"] * 50), 0)
    assert found.shared_patients == 2
    assert assign(ByPatient(), columns(patient=["a"] * 50 + ["b"] * 50), 0).shared_patients == 0


def test_what_comes_later_is_measured_on():
    found = assign(
        ByDate(validation_from=day(3), test_from=day(5)),
        columns(recorded_at=[day(4), day(1), day(5), None, day(3), day(9)]),
        0,
    )
    assert found.split.tolist() == ["validation", "train", "test", "left_out", "validation", "test"]
    assert found.left_out == {"no_date": 1}


@pytest.mark.parametrize(
    ("rule", "field", "words"),
    [
        (ByFold(test=(11,)), "test", "no ECG has fold 11; there are 1, 2, 3"),
        (ByFold(test=(3,), validation=(7,)), "validation", "no ECG has fold 7"),
        (ByFold(test=(3,), train=(0,)), "train", "no ECG has fold 0"),
        (ByFold(test=(1, 2), validation=(3,)), "train", "would be empty"),
        (BySite(test=("north",)), "by", "no ECG has a site"),
        (ByDate(test_from=day(9)), "test_from", "test split would be empty"),
        (ByDate(test_from=day(1)), "test_from", "validation split would be empty"),
        (ByDate(test_from=day(5), validation_from=day(4)), "validation_from", "validation split would be empty"),
        (ByDate(test_from=day(3), validation_from=day(1)), "validation_from", "train split would be empty"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(rule, field, words):
    given = columns(fold=[1, 2, 3], recorded_at=[day(1), day(2), day(6)])
    with pytest.raises(CannotSplit, match=words) as refused:
        assign(rule, given, 0)
    assert refused.value.field == field


@pytest.mark.parametrize(
    "given",
    [
        {"by": "fold"},
        {"by": "fold", "test": []},
        {"by": "fold", "test": [1], "validation": [1]},
        {"by": "fold", "test": [0, 0]},
        {"by": "fold", "test": [1000]},
        {"by": "site", "test": [""]},
        {"by": "date", "test_from": "2026-01-01T00:00:00"},
        {"by": "date", "test_from": "2026-01-01T00:00:00Z", "validation_from": "2026-01-01T00:00:00Z"},
        {"by": "patient", "test": [1]},
        {"by": "reader"},
    ],
)
def test_rules_that_say_nothing_are_no_rules(given):
    with pytest.raises(ValidationError):
        TypeAdapter(SplitRule).validate_python(given)
