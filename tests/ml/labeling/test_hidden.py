"""Terms that find nothing are named with what hides them."""

import json

import pytest

from ml.labeling import Labeler, Vocabulary, builtin, builtin_labeler
from ml.labeling.hidden import hidden_terms

BASE = {
    "version": "v",
    "languages": ["en"],
    "labels": [{"key": "a", "name": "A"}, {"key": "b", "name": "B"}],
    "cues": [{"kind": "negation", "terms": {"en": ["no"]}}],
    "fields": [{"kind": "measurement", "terms": {"en": ["heart rate"]}}],
}
TAKEN = {"terms": {"en": ["first|second degree block"]}}


def hidden(*rules: dict[str, object]) -> list[tuple[str, str]]:
    vocabulary = Vocabulary.parse(json.dumps({**BASE, "rules": rules}))
    return [(each.words, each.by) for each in hidden_terms(Labeler(vocabulary))]


def label(key: str, term: str, **more: object) -> dict[str, object]:
    return {"labels": [key], "terms": {"en": [term]}, **more}


@pytest.mark.parametrize(
    ("rules", "words", "by"),
    [
        ([label("a", "first degree block"), TAKEN], "first degree block", "rules.1.terms.en.0"),
        ([label("a", "first|third degree block"), TAKEN], "first degree block", "rules.1.terms.en.0"),
        ([label("a", "big wave"), label("b", "(very) big wave")], "big wave", "rules.1.terms.en.0"),
        ([label("a", "big wave"), label("a", "big wave", status="uncertain")], "big wave", "rules.1.terms.en.0"),
        ([label("a", "no")], "no", "cues.0.terms.en.0"),
        ([label("a", "heart rate 40")], "heart rate 40", "read alone"),
        ([label("a", "big . wave")], "big. wave", "read alone"),
        ([label("a", "big wave", unless=["wave"])], "big wave", "read alone"),
    ],
)
def test_a_hidden_term_is_named(rules: list[dict[str, object]], words: str, by: str) -> None:
    ((found, reason),) = hidden(*rules)
    assert found == words
    assert by in reason


@pytest.mark.parametrize(
    "rules",
    [
        [TAKEN, label("a", "first degree block")],  # the later of two counts
        [label("a", "big wave"), label("a", "big|small wave")],  # they say the same
        [label("a", "degree block"), TAKEN],  # a part of a longer term is found elsewhere
        [label("a", "big wave", when={"injury": "none"}), label("b", "big wave")],  # switched off
    ],
)
def test_what_finds_something_is_not_named(rules: list[dict[str, object]]) -> None:
    assert hidden(*rules) == []


def test_no_term_of_the_vocabulary_that_ships_is_hidden() -> None:
    assert hidden_terms(builtin_labeler()) == []
    for name in builtin().profiles:
        assert hidden_terms(Labeler(builtin().profile(name))) == []
