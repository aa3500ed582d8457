import numpy as np
import pytest

from ml.corpus.choice import labelled_rows, share_of_patients, unlabelled_rows
from ml.corpus.store import Store


def test_a_larger_share_has_all_of_a_smaller_one_s_patients():
    patients = [f"p{k // 2}" for k in range(100)]
    shares = [share_of_patients(patients, share, seed=3) for share in (0.1, 0.5, 1.0)]
    assert [int(each.sum()) for each in shares] == [10, 50, 100]
    assert not (shares[0] & ~shares[1]).any()
    assert (shares[0][::2] == shares[0][1::2]).all()  # a patient's rows stay together
    assert share_of_patients(patients, 0.001, seed=3).sum() == 2


def test_the_share_does_not_depend_on_the_order_of_the_rows():
    patients = np.array([f"p{k}" for k in range(50)])
    order = np.random.default_rng(0).permutation(50)
    chosen = set(patients[share_of_patients(patients.tolist(), 0.3, 1)])
    assert chosen == set(patients[order][share_of_patients(patients[order].tolist(), 0.3, 1)])
    assert chosen != set(patients[share_of_patients(patients.tolist(), 0.3, 2)])


def test_labelled_rows_are_of_the_training_split(store):
    train = set(store.rows("train"))
    assert set(labelled_rows(store, 1.0, 0)) == train
    some = labelled_rows(store, 0.3, 0)
    assert set(some) < train and len(some)


def test_no_one_who_is_measured_is_learnt_from_unlabelled(store, unlabelled_folder):
    other = Store(unlabelled_folder)
    rows = unlabelled_rows(other, store, 1.0, 0)
    held = set(store.column("patient")[store.column("split") != "train"])
    patients = other.column("patient")
    assert set(patients[rows]) == set(patients) - held
    assert held & set(patients)
    assert len(unlabelled_rows(other, store, 0.5, 0)) == pytest.approx(len(rows) / 2, abs=6)


def test_a_corpus_can_be_its_own_unlabelled_one(store):
    rows = unlabelled_rows(store, store, 1.0, 0)
    assert set(rows) == set(store.rows("train"))
