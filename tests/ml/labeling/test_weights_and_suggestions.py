"""What a change of a label weighs, and which terms are offered for two letters."""

from ml.labeling import Labeler, Vocabulary, builtin
from ml.labeling.suggestions import suggestions
from ml.labeling.weights import weight_of

YAML = """
version: own-1
languages: [en]
labels:
  - {key: afib, name: Atrial Fibrillation, weight: none}
  - {key: pause, name: Pause, weight: major}
  - {key: lvh, name: LVH}
  - {key: u_wave, name: U Wave}
rules:
  - {labels: [afib], terms: {en: [af]}}
cues: []
"""


def test_a_vocabulary_wins_over_the_defaults() -> None:
    labels = Vocabulary.parse(YAML).labels
    assert {label.key: weight_of(label.key, label.weight) for label in labels} == {
        "afib": "none",
        "pause": "major",
        "lvh": "minor",
        "u_wave": "minor",
    }


def test_each_label_that_ships_has_a_weight_and_is_offered_by_its_name() -> None:
    labeler = Labeler(builtin())
    major = {label.key for label in builtin().labels if weight_of(label.key, label.weight) == "major"}
    assert {"afib", "inferior_mi"} <= major and "lad" not in major
    for label in builtin().labels:
        assert suggestions(labeler, label.name[:2], 100)[0].term[:2].lower() == label.name[:2].lower()
        assert label.key in {each.label for each in suggestions(labeler, label.name[:5], 100)}


def test_what_is_offered_says_its_label_and_no_other() -> None:
    labeler = Labeler(builtin())
    for typed in ("at", "fl", "vo", "in", "  Atrial  FI ", "left"):
        found = suggestions(labeler, typed, 50)
        assert found
        for each in found:
            said = [(finding.label, finding.status) for finding in labeler.read(each.term).findings]
            assert said == [(each.label, "present")], each
        words = [each.term.lower().replace(" ", "") for each in found]
        assert len(words) == len(set(words)), "no words twice"
    assert suggestions(labeler, "a", 50) == [] and suggestions(labeler, "qzx", 50) == []
    assert len(suggestions(labeler, "in", 3)) == 3
