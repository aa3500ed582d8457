"""The vocabulary is data: validated, extended without code, switched by its policy."""

import re
import tracemalloc
from pathlib import Path

import pytest
from pydantic import ValidationError

from ml.labeling import Labeler, Masks, Vocabulary, VocabularyError, builtin, builtin_text
from ml.labeling.policy import Policy

SMALL = """\
version: small-1
languages: [en]
labels:
  - {key: lvh, name: LVH}
rules:
  - labels: [lvh]
    terms: {en: [lvh]}
cues:
  - {kind: negation, terms: {en: [no]}}
"""
FILLERS = "fillers: {terms: {}}"


def statuses(vocabulary: Vocabulary, text: str) -> dict[str, str]:
    return {finding.label: finding.status for finding in Labeler(vocabulary).read(text).findings}


def test_builtin_vocabulary_has_the_thirteen_labels_in_order() -> None:
    assert [label.name for label in builtin().labels] == [
        "Sinus Rhythm", "RBBB", "LBBB", "Atrial Fibrillation", "Atrial Flutter", "Left Axis Deviation",
        "Right Axis Deviation", "Right Superior Axis Deviation", "LVH", "RVH", "Anterior MI", "Inferior MI",
        "Posterior MI",
    ]  # fmt: skip


def test_words_that_yaml_would_read_as_values_are_words() -> None:
    assert statuses(Vocabulary.parse(SMALL), "No LVH") == {"lvh": "negated"}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("labels: [lvh]", "labels: [hcm]"), "line 6: rules.0.labels.0: no such label: hcm"),
        (("terms: {en: [lvh]}", "terms: {en: [' ']}"), "line 7: rules.0.terms.en.0"),
        (("terms: {en: [lvh]}", "terms: {fr: [lvh]}"), "line 7: rules.0.terms.fr: not listed under languages: fr"),
        (("kind: negation", "kind: denial"), "line 9: cues.0.kind"),
        (("rules:", "ruls:"), "rules: Field required"),
        (("version: small-1", "version: small 1"), "line 1: version"),
        (("version: small-1", "version: .."), "line 1: version"),
        (
            ("{key: lvh, name: LVH}", "{key: lvh, name: LVH}\n  - {key: lvh, name: Again}"),
            "line 5: labels.1.key: twice",
        ),
        (("{key: lvh, name: LVH}", "{key: lvh, name: LVH}\n  - {key: rvh, name: LVH}"), "line 5: labels.1.name: twice"),
        (("name: LVH", "name: ' '"), "line 4: labels.0.name"),
        (("rules:", "policy: {injury: maybe}\nrules:"), "line 5: policy.injury"),
        (("rules:", "profiles:\n  bad: {injury: maybe}\nrules:"), "line 6: profiles.bad.injury"),
        (("rules:", "profiles:\n  bad: {no_such_switch: on}\nrules:"), "line 6: profiles.bad.no_such_switch"),
        (("labels: [lvh]", "labels: [lvh]\n    when: {no_such_switch: on}"), "line 7: rules.0.when.no_such_switch"),
        (("cues:", "codes:\n  - {system: A, labels: [lhv], codes: [L]}\ncues:"), "line 9: codes.0.labels.0: no such"),
        (
            (
                "cues:",
                "codes:\n  - {system: A, labels: [lvh], codes: [L]}\ncode_systems: [{name: A, none: [K, L]}]\ncues:",
            ),
            "line 10: code_systems.0.none.1: mentions a label under codes: L",
        ),
        (("cues:", "code_systems:\n  - {name: A}\n  - {name: A}\ncues:"), "line 10: code_systems.1.name: twice: A"),
        (
            ("cues:", "code_systems: [{name: A, modifiers: [{binds: near, codes: [X]}]}]\ncues:"),
            "line 8: code_systems.0.modifiers.0.binds",
        ),
        (("cues:", "code_systems: [{name: A, separator: ';;'}]\ncues:"), "line 8: code_systems.0.separator"),
        (
            ("cues:", f"axis: {{names: [], {FILLERS}, ranges:\n  [{{labels: [lad], above: 1, below: 2}}]}}\ncues:"),
            "line 9: axis.ranges.0.labels.0: no such label: lad",
        ),
        (
            ("cues:", f"compounds:\n- {{heads: [], {FILLERS}, signs: {{terms: {{fr: []}}}}, parts: []}}\ncues:"),
            "line 9: compounds.0.signs.terms.fr: not listed",
        ),
        (("cues:", "synonyms:\n  - {name: pvc, terms: {en: [' ']}}\ncues:"), "line 9: synonyms.0.terms"),
        (("cues:", "synonyms:\n  - {name: '-', terms: {en: [pvc]}}\ncues:"), "line 9: synonyms.0.name"),
        (("cues:", "synonyms:\n  - {terms: {en: [pvc]}}\ncues:"), "line 9: synonyms.0.name: Field required"),
        (("cues:", "synonyms:\n  - {name: pvc, terms: {fr: [esv]}}\ncues:"), "line 9: synonyms.0.terms.fr: not listed"),
        (
            ("cues:", "synonyms:\n  - {name: a, terms: {en: [x]}}\n  - {name: b, terms: {en: [x]}}\ncues:"),
            "line 10: synonyms.1.terms.en.0: of two names: x",
        ),
        (("labels: [lvh]", "labels: [lvh"), "not YAML"),
        (
            ("en: [lvh]", f"en: [lvh, {' '.join(['a|b|c|d|e|f|g|h'] * 4)} a|b|c]"),
            "line 7: rules.0.terms.en.1: .*spells out",
        ),
        (
            ("    terms: {en: [lvh]}", "    terms:\n      en: [lvh]\n      en: [hvl]"),
            "line 9: rules.0.terms.en: a second one",
        ),
        (("rules:", "policy: {injury: none}\npolicy: {septal_mi: none}\nrules:"), "line 6: policy: a second one"),
    ],
)
def test_a_mistake_is_named_with_its_place(change: tuple[str, str], complaint: str) -> None:
    assert change[0] in SMALL
    with pytest.raises(VocabularyError, match="(?s).*" + complaint.replace(".", r"\.").replace(r"\.*", ".*")):
        Vocabulary.parse(SMALL.replace(*change, 1))


@pytest.mark.parametrize(
    "text", ["", "[]", "42", "a: &a [*a, *a]", "x" * 1_000_001, "[" * 5_000, "!!python/object:os.system {}", "\x00"]
)
def test_what_is_no_vocabulary_is_refused(text: str) -> None:
    with pytest.raises(VocabularyError):
        Vocabulary.parse(text)


@pytest.mark.parametrize(
    "term",
    ["a . fibr (.", "(atrial fib) rhythm", "((a) b)", "a | | b", "(a|b", "a|b)", "a||b", "a|", "(a|)", "()", "(a)b", "fib*",
     "a_fib", "a - fib", "af {2}"],
)  # fmt: skip
def test_a_term_that_is_none_is_refused(term: str) -> None:
    with pytest.raises(VocabularyError, match=r"line 7: rules\.0\.terms\.en\.1: .* is no word"):
        Vocabulary.parse(SMALL.replace("en: [lvh]", f"en: [lvh, '{term}']"))


@pytest.mark.parametrize(
    ("term", "report"),
    [
        ("( big heart )", "Echo (big heart)"),
        ("big ,|( heart", "Big (heart"),
        ("big ((|,) heart", "Big (heart"),
        ("big-heart|&", "Big heart"),
        ("axis -45", "axis -45"),
        ("won't beat", "won't beat"),
    ],
)
def test_a_term_may_hold_marks(term: str, report: str) -> None:
    assert statuses(Vocabulary.parse(SMALL.replace("en: [lvh]", f'en: ["{term}"]')), report) == {"lvh": "present"}


def test_the_first_mistakes_are_named_and_no_place_is_long() -> None:
    with pytest.raises(VocabularyError, match=r"line 9: cues\.19: ") as refused:
        Vocabulary.parse(SMALL[: SMALL.index("  - {kind")] + f"  [{', '.join(['x'] * 1000)}]")
    assert len(str(refused.value)) < 10_000
    for key in ("e" * 101, "[e]"):
        with pytest.raises(VocabularyError, match=r"line 8: rules\.0\.terms: a key is"):
            Vocabulary.parse(SMALL.replace("{en: [lvh]}", f"\n     ? {key}\n     : ['', '']"))


@pytest.mark.parametrize("place", ["rules", "synonyms"])
def test_many_terms_are_refused_before_they_are_spelt_out(place: str) -> None:
    """400 such terms took 850 MiB."""
    terms = [" ".join(f"({letter}{i})" for letter in "abcdefghijkl") for i in range(400)]
    listed = "".join(f"  - {{labels: [lvh], terms: {{en: [{term}]}}}}\n" for term in terms)
    if place == "synonyms":
        listed = "synonyms:\n" + "".join(f"  - {{name: {term}, terms: {{}}}}\n" for term in terms)
    tracemalloc.start()
    try:
        with pytest.raises(VocabularyError, match=rf"line \d\d: {place}\.1\d\..* more than 500,000 words"):
            Vocabulary.parse(SMALL.replace("cues:", listed + "cues:"))
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def test_a_fourteenth_label_needs_no_code() -> None:
    text = builtin_text().replace("\npolicy:", "\n  - {key: pericarditis, name: Pericarditis}\n\npolicy:", 1)
    text = text.replace("\nrules:", "\nrules:\n  - labels: [pericarditis]\n    terms: {en: [acute perimyocarditis]}", 1)
    vocabulary = Vocabulary.parse(text)
    report = "Sinus rhythm. Possible acute perimyocarditis. No LVH."
    assert statuses(vocabulary, report) == {
        "sinus_rhythm": "present", "pericarditis": "uncertain", "lvh": "negated",
    }  # fmt: skip
    assert Labeler(vocabulary).read(report).masks() == Masks(1, 1 << 13, 1 << 8, 0)


def test_a_third_language_needs_no_code() -> None:
    text = builtin_text().replace("languages: [en, de]", "languages: [en, de, sv]", 1)
    text = text.replace("\nrules:", "\nrules:\n  - labels: [afib]\n    terms: {sv: [förmaksflimmer]}", 1)
    text = text.replace("\ncues:", "\ncues:\n  - kind: hedge\n    terms: {sv: [misstänkt]}", 1)
    assert statuses(Vocabulary.parse(text), "misstänkt FÖRMAKSFLIMMER") == {"afib": "uncertain"}


def test_synonyms_change_normal_forms_and_no_finding() -> None:
    with_synonyms = SMALL.replace("cues:", "synonyms:\n  - {name: big heart, terms: {en: [cor bovinum]}}\ncues:")
    before, after = Labeler(Vocabulary.parse(SMALL)), Labeler(Vocabulary.parse(with_synonyms))
    assert before.read("No LVH, cor bovinum") == after.read("No LVH, cor bovinum")
    assert [labeler.normal_form("Cor bovinum.") for labeler in (before, after)] == ["cor bovinum", "big heart"]


@pytest.mark.parametrize(
    ("switch", "value", "report", "before", "after"),
    [
        ("septal_mi", "none", "Septal infarct", {"anterior_mi": "present"}, {}),
        ("incomplete_bbb", "include", "Incomplete RBBB", {}, {"rbbb": "present"}),
        ("fascicular_axis", "off", "LAFB, LPFB", {"lad": "present", "rad": "present"}, {}),
        ("leftward_rightward_axis", "include", "Leftward axis", {}, {"lad": "present"}),
        ("leftward_rightward_axis", "include", "Linkstyp", {}, {"lad": "present"}),
        ("sinus_variants", "exclude", "Sinus tachycardia", {"sinus_rhythm": "present"}, {}),
        ("normal_ecg_implies_sinus", "true", "Normal ECG", {}, {"sinus_rhythm": "present"}),
        ("sinus_or_ectopic", "exclude", "Sinus or ectopic atrial rhythm", {"sinus_rhythm": "uncertain"}, {}),
        ("lvh_voltage", "uncertain", "Voltage criteria for LVH", {"lvh": "present"}, {"lvh": "uncertain"}),
        ("lvh_voltage", "uncertain", "LVH by voltage", {"lvh": "present"}, {"lvh": "uncertain"}),
        ("lvh_minimal_or_normal_variant", "none", "Minimal voltage criteria for LVH", {"lvh": "uncertain"}, {}),
        ("lvh_minimal_or_normal_variant", "present", "LVH, may be normal variant", {"lvh": "uncertain"},
         {"lvh": "present"}),
        ("injury", "none", "Anterior injury pattern", {"anterior_mi": "uncertain"}, {}),
        ("fib_flutter_undecided", "present", "AF/flutter", {"afib": "uncertain", "aflutter": "uncertain"},
         {"afib": "present", "aflutter": "present"}),
        ("bifascicular_alone", "none", "Bifascicular block", {"rbbb": "present"}, {}),
        ("bbb_type_ivcd", "include", "Conduction defect of RBBB type", {}, {"rbbb": "present"}),
        ("paced_or_ectopic_morphology", "include", "PVCs of LBBB morphology", {}, {"lbbb": "present"}),
        ("numeric_axis", "ignore", "QRS axis -60", {"lad": "present"}, {}),
        ("measurement_block", "use", "R axis 130", {}, {"rad": "present"}),
        ("measurement_block", "use", "P-R-T axes   48  -41  55", {}, {"lad": "present"}),
        ("measurement_block", "use", "QRS duration 92 ms, P-R-T axes 48 12 130", {}, {}),
        ("q_waves_alone", "include", "Inferior Q waves", {}, {"inferior_mi": "present"}),
        ("extreme_axis_also_rad", "true", "Northwest axis", {"rsad": "present"}, {"rsad": "present", "rad": "present"}),
        ("history_fields", "drop", "Indication: AF", {"afib": "historical"}, {}),
        ("consistent_with", "uncertain", "Consistent with LVH", {"lvh": "present"}, {"lvh": "uncertain"}),
    ],
)  # fmt: skip
def test_each_switch_of_the_policy(
    switch: str, value: str, report: str, before: dict[str, str], after: dict[str, str]
) -> None:
    assert statuses(builtin(), report) == before
    assert statuses(builtin().under(**{switch: value}), report) == after


def test_switches_are_those_of_the_policy_with_its_defaults(shared: Path) -> None:
    """POLICY.md's table, key by key: `default` is the first value named in a row; section 8 names further keys."""
    policy = (shared.parent / "labels/POLICY.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| (`[^|]+) \| ([^|]+) \| ([^|]*) \|", policy, re.MULTILINE)
    later = {key: f"`{default}`" for key, default in re.findall(r"\(`(\w+): (\w+)`; other", policy)}
    named = later | {key: default for keys, default, _ in table for key in re.findall(r"`(\w+)`", keys)}
    assert set(named) == set(Policy.model_fields)
    worded = {  # where the table says it in words
        "fascicular_axis": ("LAFB⇒LAD, LPFB⇒RAD", "on"),
        "sinus_variants": ("`include` tachy/brady/arrhythmia", "include"),
        "lvh_voltage": ("unhedged voltage criteria = present", "present"),
        "injury": ("`uncertain` MI of that territory", "uncertain"),
        "fib_flutter_undecided": ("both `uncertain`", "uncertain"),
        "bifascicular_alone": ("`RBBB` present, no axis", "rbbb"),
    }
    for key, said in named.items():
        words, value = worded.get(key, (said, ""))
        default = getattr(builtin().policy, key)
        assert default == Policy.model_fields[key].default
        if value:
            assert (said.startswith(words), default) == (True, value), key
        else:
            assert re.match(rf"`{default}`", said), key


def test_profiles_set_switches() -> None:
    assert builtin().profile("paper").policy.hedge_binary == "positive"
    assert builtin().profile("strict").policy.hedge_binary == "negative"
    with pytest.raises(KeyError):
        builtin().profile("lenient")
    with pytest.raises(ValidationError):
        builtin().under(injury="maybe")
