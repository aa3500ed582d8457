"""What holds for every text."""

import gc
import sys
import threading
import tracemalloc
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.labeling import Labeler, builtin, builtin_labeler

LABELER = builtin_labeler()
UNUSED = Labeler(builtin())
WORDS = [
    "sinus rhythm", "LVH", "RVH", "inferior", "anterior", "posterior", "infarct", "injury", "ST elevation", "possible",
    "no", "not", "cannot rule out", "cannot be excluded", "is no longer present", "has replaced", "history of", "or",
    "and", "with", "but", "vs.", ",", ";", ".", "(", ")", "?", "\n", "-", "/", ":", "LAD", "axis -45", "AF", "flutter",
    "RBBB", "morphology", "age undetermined", "prior tracing showed", "delete", "kein", "Linksschenkelblock", "möglich",
    "Confirmed by", "Indication:", "....", "[", "]", "\t", "   ", "1.", "İ", "ß",
]  # fmt: skip
REPORTS = st.one_of(st.text(max_size=300), st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join))
ALONE = ["Right bundle branch block", "No LVH", "Possible inferior infarct", "History of atrial flutter"]


@given(REPORTS)
@settings(max_examples=400, deadline=None)
def test_places_are_in_the_original_text(text: str) -> None:
    reading = LABELER.read(text)
    for part in (*reading.statements, *reading.findings):
        assert text[part.start : part.end] == part.text != ""
    ends = [statement.end for statement in reading.statements]
    assert all(end <= after.start for end, after in zip(ends, reading.statements[1:], strict=False))
    for finding in reading.findings:
        assert any(s.start <= finding.start < finding.end <= s.end for s in reading.statements)
        assert finding.cue is None or finding.cue in text


FORMS = {
    "full width": str.maketrans({chr(c): chr(c + 0xFEE0) for c in range(ord("A"), ord("z") + 1) if chr(c).isalpha()}),
    "ligatures": {"fi": "\ufb01", "fl": "\ufb02", "ff": "\ufb00"},
    "soft hyphens": {"in": "i\u00adn", "le": "l\u00ade", "ra": "r\u200ba"},
}


def in_form(text: str, form: str) -> str:
    """Return a text with its letters in another Unicode form."""
    if form == "decomposed":
        return unicodedata.normalize("NFD", text)
    table = FORMS[form]
    for letters, written in table.items():
        text = text.translate(table) if isinstance(letters, int) else text.replace(letters, written)
    return text


@given(st.lists(st.sampled_from([*WORDS, "überdrehter Linkstyp", "atrial fibrillation"]), max_size=25).map(" ".join),
       st.sampled_from(["decomposed", *FORMS]))  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_another_form_of_the_letters_says_the_same_at_its_own_places(text: str, form: str) -> None:
    written = in_form(text, form)
    reading = LABELER.read(written)
    for part in (*reading.statements, *reading.findings):
        assert written[part.start : part.end] == part.text != ""
    assert [(f.label, f.status) for f in reading.findings] == [(f.label, f.status) for f in LABELER.read(text).findings]
    for found, plain in zip(reading.findings, LABELER.read(text).findings, strict=True):
        assert in_form(plain.text, form) == found.text


PARTS = {"anterior": "anterior_mi", "inferior": "inferior_mi", "posterior": "posterior_mi", "septal": "anterior_mi"}


@given(st.sampled_from(list(PARTS)), st.sampled_from(["", "old", "extensive", "wall", "wall, old", "and lateral"]),
       st.sampled_from(["infarct", "myocardial infarction", "MI", "STEMI", "scar"]), st.booleans())  # fmt: skip
def test_the_words_of_an_infarct_are_its_territory_and_its_head(part: str, between: str, head: str, last: bool) -> None:
    text = f"Sinus rhythm. {head}, {part}." if last else f"Sinus rhythm. {part} {between} {head}."
    (found,) = [finding for finding in LABELER.read(text).findings if finding.label == PARTS[part]]
    assert part in found.text and head in found.text


def test_statement_read_alone_says_what_it_said_in_its_report() -> None:
    """The contrastive paradigms train on statements: a hedge or a denial must not be cut off from its finding."""
    folder = Path(__file__).parent
    names = ("policy_cases.txt", "heldout_cases.txt", *(f"heldout_cases_{i}.txt" for i in range(2, 10)))
    lines = [line for name in names for line in (folder / name).read_text(encoding="utf-8").splitlines()]
    for line in lines:
        report = line.split("=>")[0].strip().replace(" ⏎ ", "\n")
        reading = LABELER.read(report)
        alone = [f for s in reading.statements for f in LABELER.read(s.text).findings]
        # a field's or section's name is part of what it says
        fields = (
            "Indication",
            "Clinical",
            "Reason",
            "Test ind",
            "Computer reading:",
            "Machine read:",
            "Original:",
            "Preliminary:",
        )
        if not line.startswith("#") and not any(field in report for field in fields):
            assert {(f.label, f.status) for f in reading.findings} <= {(f.label, f.status) for f in alone}, report


@given(REPORTS)
@settings(max_examples=200, deadline=None)
def test_every_label_has_at_most_one_status(text: str) -> None:
    reading = LABELER.read(text)
    masks = reading.masks()
    bits = (masks.present, masks.uncertain, masks.negated, masks.historical)
    assert sum(bits) == bits[0] | bits[1] | bits[2] | bits[3]
    assert sum(mask.bit_count() for mask in bits) == len(reading.findings)


@given(REPORTS)
@settings(max_examples=200, deadline=None)
def test_a_cache_changes_nothing(text: str) -> None:
    first = LABELER.read(text)
    LABELER.read("LVH. " + text)
    assert LABELER.read(text) == first == UNUSED.read(text)


@given(st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join))
@settings(max_examples=200, deadline=None)
def test_case_makes_no_difference(text: str) -> None:
    text = text.replace("İ", "I").replace("ß", "ss")  # whose upper or lower case has another length
    assert LABELER.read(text.upper()).masks() == LABELER.read(text.lower()).masks()


@given(st.permutations(ALONE))
def test_statements_of_other_labels_change_nothing(statements: list[str]) -> None:
    whole = LABELER.read("\n".join(statements)).masks()
    single = [LABELER.read(statement).masks() for statement in statements]
    assert whole.present == sum(masks.present for masks in single)
    assert whole.uncertain == sum(masks.uncertain for masks in single)
    assert whole.negated == sum(masks.negated for masks in single)
    assert whole.historical == sum(masks.historical for masks in single)


@pytest.mark.parametrize(
    "piece",
    [
        "(",
        "no ",
        "LVH or ",
        "[",
        "inferior, ",
        "a" * 50,
        "LVH (",
        "LAD ",
        "infarct or ",
        "and LVH ",
        "LVH, ",
        "possible LVH, ",
        "LVH\n",
    ],
)
def test_hostile_repetition_is_read_in_linear_work(piece: str) -> None:
    """Four times the text takes at most six times the steps: counted, not timed, so that a busy machine cannot fail."""
    short, long = (_steps(piece * (size // len(piece))) for size in (1_000, 4_000))
    assert long < 6 * short + 10_000


def _steps(text: str) -> int:
    """Count the Python lines run while a fresh labeler's caches do not help."""
    labeler = Labeler(builtin())
    count = 0

    def tracer(*_: object) -> object:
        nonlocal count
        count += 1
        return tracer

    previous = sys.gettrace()
    sys.settrace(tracer)  # type: ignore[arg-type]
    try:
        labeler.read(text)
    finally:
        sys.settrace(previous)
    return count


def test_threads_share_a_labeler() -> None:
    texts = [f"Sinus rhythm {i}. Possible LVH. No RBBB." for i in range(200)]
    expected = [LABELER.read(text) for text in texts]
    shared = Labeler(builtin())
    results: dict[int, list[object]] = {}

    def work(number: int) -> None:
        results[number] = [shared.read(text) for text in texts]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(result == expected for result in results.values())


def test_long_texts_do_not_stay_in_memory() -> None:
    labeler = Labeler(builtin())
    kept = []
    tracemalloc.start()
    for number in range(6):
        labeler.read(" ".join(f"w{number}x{word}" for word in range(20_000)))
        gc.collect()
        kept.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert kept[-1] - kept[1] < 2_000_000, kept  # a text of these kept would be 3 MB
