import pytest

from ml.corpus.statements import Statement, statements_of
from ml.labeling import Labeler, builtin


@pytest.fixture(scope="module")
def labeler():
    return Labeler(builtin())


def bits(labeler, *keys):
    names = [label.key for label in labeler.vocabulary.labels]
    return sum(1 << names.index(key) for key in keys)


def said(labeler, text):
    return statements_of(labeler, labeler.read(text))


def test_two_wordings_and_two_languages_are_one_statement(labeler):
    [statement] = said(labeler, "AF")
    assert statement == Statement("atrial fibrillation", bits(labeler, "afib"))
    assert said(labeler, "Atrial fibrillation\nA-fib\nVorhofflimmern") == [statement]


def test_what_is_hedged_is_asserted_and_what_is_denied_is_not(labeler):
    hedged, denied, neither = said(labeler, "Possible inferior infarct\nNo LVH\nNonspecific T wave abnormality")
    assert (hedged.asserts, hedged.denies) == (bits(labeler, "inferior_mi"), 0)
    assert (denied.asserts, denied.denies) == (0, bits(labeler, "lvh"))
    assert neither == Statement("nonspecific t wave abnormality")


def test_a_statement_of_any_length_is_bounded(labeler):
    [statement] = said(labeler, "abcdef " * 1000)
    assert len(statement.text) <= 500
