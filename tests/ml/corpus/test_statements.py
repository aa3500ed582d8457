import pytest

from ml.corpus.code_descriptions import code_descriptions
from ml.corpus.statements import Statement, StatementReader, normaliser
from ml.labeling import Code, Labeler, Vocabulary, builtin_labeler, builtin_text


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


@pytest.mark.parametrize(
    "text, statements",
    [
        (  # a program's text without stops, with its version and the state of the report
            "sinusrhythmus lagetyp normal qrs(t) abnorm    anteroseptaler infarkt     wahrscheinlich alt 4.46"
            "                          unbestÄtigter bericht",
            ["sinus rhythm", "normal axis", "abnormal qrs", "anterior mi probably old"],
        ),
        ("sinusrhythmus lagetyp normal normales ekg 4.46", ["sinus rhythm", "normal axis", "normal ecg"]),
        (
            "tachykardes vorhofflimmern linkstyp",
            ["atrial fibrillation with rapid ventricular response", "leftward axis"],
        ),
        ("Verdacht auf Linksschenkelblock", ["verdacht auf lbbb"]),
        (
            "sinus rhythm. left atrial enlargement/enlargement. trace only requested.",
            ["sinus rhythm", "left atrial enlargement"],
        ),
        ("unbestÄtigter bericht", []),
        ("Unconfirmed report\nNo previous ECGs available\nRBBB", ["rbbb"]),
        ("Pauses of 2 2 s", ["pauses of 2 2 s"]),
    ],
)
def test_a_line_becomes_what_it_says_of_the_tracing_one_statement_each(labeler, text, statements):
    assert [each.text for each in said(labeler, text)] == statements


@pytest.mark.parametrize(
    "text", ["No LVH", "Kein LVH", "LVH: none", "LVH excluded", "LVH is not present", "No evidence of LVH", "keine LVH"]
)
def test_all_denials_are_one_statement(labeler, text):
    assert said(labeler, text) == [Statement("no lvh", 0, bits(labeler, "lvh"))]


def test_a_denial_beside_an_assertion_stays_in_its_place(labeler):
    [statement] = said(labeler, "Sinus rhythm, kein LVH")
    assert statement == Statement("sinus rhythm no lvh", bits(labeler, "sinus_rhythm"), bits(labeler, "lvh"))


@pytest.mark.parametrize(
    "text",
    [
        "kein linksschenkelblock linkstyp",
        "sinusrhythmus linksschenkelblock rechtsschenkelblock",
        "kein AF lagetyp normal",
    ],
)
def test_the_parts_of_a_line_assert_and_deny_what_the_line_does(labeler, text):
    masks = labeler.read(text).masks()
    parts = said(labeler, text)
    assert (masks.present | masks.uncertain, masks.negated) == tuple(
        sum({bit for each in parts for bit in all_bits(getattr(each, name))}) for name in ("asserts", "denies")
    )


def all_bits(mask):
    return {1 << bit for bit in range(mask.bit_length()) if mask >> bit & 1}


def coded(labeler, *codes):
    return StatementReader(labeler).statements_of(labeler.read_codes([Code(*code) for code in codes]))


def test_codes_are_what_they_say_in_words_with_the_labels_of_the_vocabulary(labeler):
    assert coded(labeler, ("SCP", "ILMI", 1.0), ("SCP", "NORM", None), ("SCP", "IMI", 0.5), ("AXIS", "MID")) == [
        Statement("inferior mi", bits(labeler, "inferior_mi")),
        Statement("normal ecg"),
        Statement("possible inferior mi", bits(labeler, "inferior_mi")),
        Statement("normal axis"),
    ]


def test_joined_codes_are_a_statement_each_with_what_belongs_to_it(labeler):
    assert coded(labeler, ("12SL", "NSR;PO;IMI;AU")) == [
        Statement("sinus rhythm", bits(labeler, "sinus_rhythm")),
        Statement("possible inferior mi age undetermined", bits(labeler, "inferior_mi")),
    ]


def test_a_code_without_a_description_has_the_names_of_its_labels(labeler):
    assert coded(labeler, ("AHA", "144"), ("AHA", "999")) == [
        Statement("lvh and rvh", bits(labeler, "lvh", "rvh")),
        Statement("999"),
    ]


def test_every_code_that_the_vocabulary_knows_of_a_described_system_has_a_description(labeler):
    described = code_descriptions()
    vocabulary = labeler.vocabulary
    known = {(entry.system, code) for entry in vocabulary.codes for code in entry.codes}
    known |= {(system.name, code) for system in vocabulary.code_systems for code in system.none}
    missing = {(system, code) for system, code in known if system in described and code not in described[system]}
    assert not missing


def test_a_phrase_that_is_asked_for_is_written_as_the_statements_are(labeler):
    normal = normaliser(builtin_text())
    for phrase in ("Kein LVH", "AF", "lagetyp normal", "inferiorer Infarkt möglich"):
        assert [normal(phrase)] == [each.text for each in said(labeler, phrase)]
    assert normaliser(None)("Kein LVH") == "kein lvh"


def test_lines_of_any_length_are_read_in_bounded_pieces(labeler):
    texts = [each.text for each in said(labeler, "RBBB\n" + "moeglich\n" * 2000)]
    assert max(map(len, texts)) <= 500
