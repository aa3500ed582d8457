"""Terms are added to a file as text: the rest stays as it was written, and the terms are read."""

import difflib

import pytest

from ml.labeling import Labeler, Vocabulary, builtin_text
from ml.labeling.amend import Addition, Unamendable, amended, next_version
from ml.labeling.elsewhere import answer
from ml.labeling.yaml_text import read_yaml

AFIB = Addition("afib", "en", "a . wobble (.)")
NONE = Addition(None, "de", "o'clock|nichts")


def test_the_file_that_ships_gains_lines_and_loses_none_but_its_version() -> None:
    made = amended(builtin_text(), [AFIB, NONE], "site-1")
    lines = list(difflib.unified_diff(builtin_text().splitlines(), made.splitlines(), n=0, lineterm=""))[2:]
    changed = [line for line in lines if not line.startswith("@@")]
    assert changed == [
        f"-version: {Vocabulary.parse(builtin_text()).version}",
        "+version: site-1",
        "+  - labels: [afib]",
        "+    terms: {en: ['a . wobble (.)']}",
        "+  - terms: {de: ['o''clock|nichts']}",
    ]
    vocabulary = Vocabulary.parse(made)
    assert vocabulary.version == "site-1" and vocabulary.rules[-1].terms == {"de": ("o'clock|nichts",)}


@pytest.mark.parametrize("older", ["lvh", "left axis deviation", "sinus rhythm"])
def test_a_term_that_is_added_hides_an_older_one_of_the_same_words(older: str) -> None:
    made = amended(builtin_text(), [Addition("afib", "en", older)], "site-1")
    report = Labeler(Vocabulary.parse(made)).read(older)
    assert [finding.label for finding in report.findings] == ["afib"]


FILES = {
    "in brackets": "version: a\nlabels: []\nrules: [{labels: [afib], terms: {en: [x]}}]\ncues: []\n",
    "without an indent": "rules:\n- labels: [afib]\n  terms:\n    en:\n    - x  # why\n# the end\nversion: 'a'",
    "without a last line end": 'version: "a"\nrules:\n  - labels: [afib]\n    terms: {en: [x]}',
    "with a text over lines": "version: a\nrules:\n  - labels: [afib]\n    terms:\n      en:\n        - |\n          x\n\ncues: []\n",
    "with other letters": "# ÄÖ😀\nversion: a\nrules:\n  - labels: [afib]\n    terms: {de: [ä😀]}  # ü\ncues: []\n",
    "with another line end": "version: a\r\nrules:\r\n  - labels: [afib]\r\n    terms: {en: [x]}\r\ncues: []\r\n",
}


@pytest.mark.parametrize("name", FILES)
def test_however_a_file_is_written_it_says_the_same_and_more(name: str) -> None:
    before = read_yaml(FILES[name]).plain()
    made = amended(FILES[name], [AFIB], "b")
    added = {"labels": ["afib"], "terms": {"en": ["a . wobble (.)"]}}
    assert read_yaml(made).plain() == {**before, "version": "b", "rules": [*before["rules"], added]}
    comments = [line.partition("#")[2] for line in FILES[name].splitlines() if "#" in line]
    assert all(comment in made for comment in comments)


@pytest.mark.parametrize("text", ["", "[]", "version: a", "version: a\nrules: []\n", "rules: {a: [", "a: &b [*b]"])
def test_what_nothing_can_be_added_to_is_refused(text: str) -> None:
    with pytest.raises(Unamendable):
        amended(text, [AFIB], "b")


def test_a_draft_is_a_vocabulary_or_its_mistake() -> None:
    question = {"vocabulary": builtin_text(), "as": "site-1"}
    made = answer({**question, "add": [list(AFIB)]})
    assert (made["version"], Vocabulary.parse(made["yaml"]).version) == ("site-1", "site-1")
    assert "is no word" in answer({**question, "add": [["afib", "en", "sinus #"]]})["mistakes"]
    assert "no such label" in answer({**question, "add": [["nothing", "en", "x"]]})["mistakes"]


@pytest.mark.parametrize(
    ("version", "taken", "expected"),
    [
        ("overread-2", (), "overread-2.1"),
        ("overread-2", ("overread-2.1", "overread-2.2"), "overread-2.3"),
        ("north-2.9", (), "north-2.10"),
        ("x" * 100, (), "x" * 80 + ".1"),
    ],
)
def test_the_next_version(version: str, taken: tuple[str, ...], expected: str) -> None:
    assert next_version(version, frozenset(taken)) == expected
