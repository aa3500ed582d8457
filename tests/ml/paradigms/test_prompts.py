"""What labels are scored by."""

from collections import Counter

import numpy as np
import pytest

from ml.corpus.statements import Statement
from ml.corpus.store import Store, StoreWriter
from ml.paradigms.prompts import MOST, label_prompts
from ml.signals import Preprocessing

LABELS = [("afib", "Atrial Fibrillation"), ("lvh", "LVH"), ("quux", "Quux")]
AF, COARSE_AF, AF_AND_LVH = Statement("af", 1), Statement("coarse af", 1), Statement("af and lvh", 3)
AF_NO_LVH, BIG, T_WAVE = Statement("af no lvh", 1, 2), Statement("lvh", 2), Statement("t wave abnormality")
ECGS = [[AF, T_WAVE], [AF], [AF, AF_AND_LVH], [COARSE_AF], [AF_NO_LVH], [BIG], [T_WAVE]]


def of_two(rows):
    """Return the rows of ECGs in a store that has each of them of two patients."""
    return np.concatenate([np.asarray(rows), np.asarray(rows) + len(ECGS)])


def store_of(folder, reports, patient_of=str):
    with StoreWriter(folder, LABELS, Preprocessing().to_dict()) as writer:
        for number, said in enumerate(reports):
            row = {"ecg_id": str(number), "start_s": 0.0, "patient": patient_of(number)}
            row |= dict.fromkeys(("overread_present", "overread_uncertain", "machine_present", "machine_uncertain"), 0)
            row |= {"overread_statements": said, "machine_statements": [BIG]}
            writer.append(np.zeros((1, 12, 2500), np.float32), [row])
        writer.finish(0)
    return Store(folder)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return store_of(tmp_path_factory.mktemp("prompts") / "store", ECGS + ECGS)


def test_a_label_is_scored_by_the_statements_that_assert_it_alone_as_often_as_they_are_made(store):
    rows = np.arange(5)
    said = Counter(statement for row in rows for statement in ECGS[row])
    found = label_prompts(store, of_two(rows), "overread", {})["afib"]
    alone = {each.text: count for each, count in said.items() if (each.asserts, each.denies) == (1, 0)}
    assert dict(zip(found.phrases, found.weights, strict=True)) == pytest.approx(
        {text: count / sum(alone.values()) for text, count in alone.items()}
    )
    assert found.phrases == ("af", "coarse af")


def test_only_the_given_rows_and_the_source_s_reports_are_read(store):
    assert label_prompts(store, of_two(range(5)), "overread", {})["lvh"].phrases != ("lvh",)
    assert label_prompts(store, of_two([5]), "overread", {})["lvh"] == (("lvh",), (1,))
    assert label_prompts(store, of_two(range(5)), "machine", {})["lvh"] == (("lvh",), (1,))


def test_what_nobody_says_is_scored_by_written_phrases_or_the_name(store):
    found = label_prompts(store, of_two(range(5)), "overread", {})
    assert "left ventricular hypertrophy" in found["lvh"].phrases
    assert found["quux"].phrases == ("quux",)
    assert sum(found["lvh"].weights) == pytest.approx(1)


def test_a_run_s_own_prompts_win_and_the_corpus_can_be_left_out(store):
    rows = np.arange(len(ECGS))
    own = label_prompts(store, of_two(rows), "overread", {"afib": ["Wobble", "wobble", "Flicker"]})
    assert own["afib"] == (("wobble", "flicker"), (0.5, 0.5))
    assert own["lvh"].phrases == ("lvh",)
    released = label_prompts(store, of_two(rows), "overread", {}, prompts_from="release")
    assert "atrial fibrillation" in released["afib"].phrases and "af" not in released["afib"].phrases
    with pytest.raises(ValueError, match="does not have: wobble"):
        label_prompts(store, of_two(rows), "overread", {"wobble": ["x"]})


def test_a_label_has_a_bounded_number_of_prompts_the_most_frequent(tmp_path):
    wordings = [Statement(f"af {number}", 1) for number in range(2 * MOST)]
    reports = [[statement] for number, statement in enumerate(wordings) for _ in range(2 + number)]
    found = label_prompts(store_of(tmp_path / "store", reports), np.arange(len(reports)), "overread", {})["afib"]
    assert set(found.phrases) == {each.text for each in wordings[MOST:]}
    assert sum(found.weights) == pytest.approx(1)


def test_what_is_said_of_one_patient_alone_is_no_prompt(tmp_path):
    reports = [[AF], [AF], [COARSE_AF], [COARSE_AF], [COARSE_AF], [BIG]]
    store = store_of(tmp_path / "store", reports, lambda number: "one" if number in (2, 3, 4) else str(number))
    found = label_prompts(store, np.arange(len(reports)), "overread", {})
    assert found["afib"] == (("af",), (1,))
    assert "left ventricular hypertrophy" in found["lvh"].phrases
