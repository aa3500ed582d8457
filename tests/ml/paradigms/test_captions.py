"""What is said, true and wrong of each ECG, beside slow sets."""

import numpy as np
import pytest
import torch

from ml.corpus.statements import Statement
from ml.corpus.store import Store, StoreWriter
from ml.paradigms.captions import Captions
from ml.signals import Preprocessing

AFIB, FLUTTER, LVH = 1, 2, 4
LABELS = [("afib", "Atrial Fibrillation"), ("aflutter", "Atrial Flutter"), ("lvh", "LVH")]
AF = Statement("atrial fibrillation", AFIB)
FAST_AF = Statement("atrial fibrillation with rapid ventricular response", AFIB)
FLUT = Statement("atrial flutter", FLUTTER)
BIG = Statement("lvh", LVH)
NO_LVH = Statement("no lvh", 0, LVH)
T_WAVE = Statement("nonspecific t wave abnormality")

# over-read, its positive labels, machine
ECGS = [
    ([AF, T_WAVE], AFIB, [FLUT, T_WAVE]),
    ([FAST_AF], AFIB, [AF, BIG, NO_LVH]),  # "AF" is not wrong of a fast one, nor is "no LVH"
    ([BIG], LVH, [NO_LVH, T_WAVE]),  # "no LVH" is
    ([], 0, [AF]),  # an over-read that says nothing
    (None, None, [AF]),  # nobody has over-read it
    ([FLUT, BIG], FLUTTER | LVH, None),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("captions") / "store"
    with StoreWriter(folder, LABELS, Preprocessing().to_dict()) as writer:
        for number, (overread, mask, machine) in enumerate(ECGS):
            row = {"ecg_id": str(number), "start_s": 0.0, "patient": str(number)}
            row |= {"overread_present": mask, "overread_uncertain": None if mask is None else 0}
            row |= {"machine_present": 0, "machine_uncertain": 0}
            row |= {"overread_statements": overread, "machine_statements": machine}
            writer.append(np.zeros((1, 12, 2500), np.float32), [row])
        writer.finish(0)
    return Store(folder)


def is_wrong(statement, overread, mask):
    if statement in overread:
        return False
    if statement.asserts or statement.denies:
        true = all(mask & bit for bit in (1, 2, 4) if statement.asserts & bit)
        true = true and not any(mask & bit for bit in (1, 2, 4) if statement.denies & bit)
        return not true
    return True


def test_only_what_is_wrong_of_an_ecg_is_its_hard_negative(store):
    captions = Captions(store)
    found = {}
    for row in range(len(ECGS)):
        _, numbers = captions._wrong.of_rows(np.array([row]))
        found[row] = [captions.texts[number] for number in numbers]
    expected = {
        row: [each.text for each in machine or [] if overread is not None and is_wrong(each, overread, mask)]
        for row, (overread, mask, machine) in enumerate(ECGS)
    }
    assert found == expected
    assert found == {
        0: ["atrial flutter"],
        1: ["lvh"],
        2: ["no lvh", "nonspecific t wave abnormality"],
        3: ["atrial fibrillation"],
        4: [],
        5: [],
    }


def test_a_batch_s_tables_are_the_loop_s(store):
    captions = Captions(store)
    rows = np.array([5, 0, 1, 2, 0])
    texts = np.array([0, 3, 1, 0, 5, 4, 2, 3])
    statement = {each.text: each for each in store.statements}
    true, wrong = captions.true(rows, texts), captions.wrong_of(rows, texts)
    for i, row in enumerate(rows):
        overread, mask, _ = ECGS[row]
        for j, number in enumerate(texts):
            said = statement[captions.texts[number]]
            assert true[i, j] == (said in overread)
            assert wrong[i, j] == is_wrong(said, overread, mask)


def test_each_ecg_with_a_text_is_drawn_once_with_one_of_its_own(store):
    captions = Captions(store)
    rows = np.array([4, 0, 5, 3, 0])
    seen = set()
    torch.manual_seed(0)
    for _ in range(30):
        drawn = captions.draw(rows, hard_negatives=True)
        assert drawn.rows.tolist() == [0, 5, 0]
        assert drawn.places.tolist() == [1, 2, 4]
        assert len(set(drawn.texts.tolist())) == len(drawn.texts)
        pairs = drawn.pairs()
        assert captions.true(pairs.rows, pairs.own).diagonal().all()
        assert [captions.texts[number] for number in pairs.wrong] == ["atrial flutter", "atrial flutter"]
        assert pairs.owner.tolist() == [0, 2]
        seen |= {(place, captions.texts[number]) for place, number in enumerate(pairs.own)}
    assert seen == {
        *((place, text) for place in (0, 2) for text in (AF.text, T_WAVE.text)),
        *((1, text) for text in (FLUT.text, BIG.text)),
    }


def test_without_hard_negatives_none_are_drawn(store):
    drawn = Captions(store).draw(np.arange(6), hard_negatives=False)
    assert (len(drawn.wrong), len(drawn.owner)) == (0, 0)


def test_a_batch_of_which_nothing_is_said_has_no_pair(store):
    drawn = Captions(store).draw(np.array([3, 4]), hard_negatives=True)
    assert (len(drawn.rows), len(drawn.texts), len(drawn.wrong)) == (0, 0, 0)


def test_whole_reports_are_one_text_and_wrong_where_any_of_it_is(store):
    captions = Captions(store, unit="report")
    drawn = captions.draw(np.arange(6), hard_negatives=True)
    pairs = drawn.pairs()
    assert pairs.rows.tolist() == [0, 1, 2, 5]
    assert [captions.texts[number] for number in pairs.own] == [
        "atrial fibrillation; nonspecific t wave abnormality",
        "atrial fibrillation with rapid ventricular response",
        "lvh",
        "atrial flutter; lvh",
    ]
    assert [captions.texts[number] for number in pairs.wrong] == [
        "atrial flutter; nonspecific t wave abnormality",
        "atrial fibrillation; lvh; no lvh",
        "no lvh; nonspecific t wave abnormality",
    ]


def test_the_machine_s_statements_can_be_learnt_from_too(store):
    captions = Captions(store, "machine")
    assert captions.has_text(np.arange(6)).tolist() == [True, True, True, True, True, False]
    drawn = captions.draw(np.array([3, 4]), hard_negatives=False)
    assert [captions.texts[number] for number in drawn.pairs().own] == [AF.text, AF.text]


def test_the_bank_has_the_texts_that_most_rows_have(store):
    captions = Captions(store)
    names = [captions.texts[number] for number in captions.most_frequent(np.arange(6), 1)]
    assert names == [BIG.text]
    everything = captions.most_frequent(np.arange(6), 100)
    assert [captions.texts[number] for number in everything] == [
        each.text for each in store.statements if any(each in (overread or []) for overread, _, _ in ECGS)
    ]
    assert captions.all_of(np.arange(6)).tolist() == everything.tolist()
    assert len(captions.most_frequent(np.array([3, 4]), 100)) == 0


def test_a_tokenizer_sees_the_training_rows_texts_alone(store):
    assert Captions(store).texts_of(np.array([2])) == sorted(
        [BIG.text, NO_LVH.text, T_WAVE.text], key=[each.text for each in store.statements].index
    )
