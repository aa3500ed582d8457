import pytest

from ml.corpus.statements import Statement, StatementReader
from ml.labeling import Labeler, Vocabulary, builtin_labeler, builtin_text


@pytest.fixture(scope="module")
def labeler():
    return builtin_labeler()


def bits(labeler, *keys):
    names = [label.key for label in labeler.vocabulary.labels]
    return sum(1 << names.index(key) for key in keys)


def said(labeler, text):
    return StatementReader(labeler).statements_of(labeler.read(text))


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
    [statement] = said(labeler, "wave " * 1000)
    assert len(statement.text) <= 500


def test_only_known_words_and_short_numbers_are_kept(labeler):
    texts = [
        each.text for each in said(labeler, "Nonspecific change as told to Fezziwig\nPauses of 480 and 48001\nXyzzy")
    ]
    assert texts == ["nonspecific change as to", "pauses of 480 and"]


@pytest.mark.parametrize("name", ["Fezziwig", "McBlarney", "Quistgaard-Thorne", "Жуков", "QZX"])
def test_no_unknown_word_reaches_a_dataset_whatever_stands_around_it(labeler, name):
    for text in (f"AF {name}", f"{name}: LVH", f"Seen with {name}\nNo {name} RBBB", f"{name} {name} {name}"):
        kept = " ".join(each.text for each in said(labeler, text))
        assert not set(name.lower().replace("'", " ").replace("-", " ").split()) & set(kept.split())


def test_words_of_the_vocabulary_are_kept():
    added = "        - wobbly quux rhythm\n"
    yaml = builtin_text().replace("        - nsr\n", "        - nsr\n" + added, 1)
    own = Labeler(Vocabulary.parse(yaml.replace("version: ", "version: x-", 1)))
    [statement] = said(own, "No wobbly quux lines")
    assert "wobbly quux" in statement.text


def test_a_label_loses_no_statement(labeler):
    for text in ("AF", "Possible RBBB", "Vorhofflimmern mit Zorbing", "No LVH per Fezziwig"):
        [statement] = said(labeler, text)
        assert statement.asserts | statement.denies
