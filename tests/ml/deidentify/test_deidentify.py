"""No name, number or address of a person is left in a report, and nothing clinical goes with it."""

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.deidentify import without_identifiers
from ml.deidentify.cues import find, words
from ml.labeling import builtin_labeler
from tests.cost import timed


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


LINES = [json.loads(line) for line in _lines(Path(__file__).with_name("lines.jsonl"))]
IDENTIFYING = [line for line in LINES if line["gone"]]
CLINICAL = [line["text"] for line in LINES if not line["gone"]]

NAMES = [
    "Alan Grant",
    "GRANT, ALAN",
    "Grant, Alan B",
    "A. Grant",
    "Dr. Grant",
    "Grant MD",
    "Dr. med. Ute Özdemir",
    "Prof. van der Berg",
    "Schäfer-Groß, Ute",
    "Mary O'Brien, RN",
    "GRANT^ALAN",
    "John Grant (1107)",
]
SURNAMES = ["grant", "özdemir", "berg", "schäfer", "brien"]
BEFORE_A_NAME = [
    "Confirmed by ",
    "Electronically signed by: ",
    "Reviewed with ",
    "Physician: ",
    "Referring MD: ",
    "Technician: ",
    "Patient name: ",
    "Befundet von ",
    "Gesehen: ",
    "Zuweiser: ",
    "gez. ",
    "Kopie an ",
]
NUMBERS = [
    "MRN: 00482913",
    "SSN 078-05-1120",
    "Accession # 4711-22",
    "Fall-Nr. 88123",
    "Tel. 0221/123456",
    "(555) 010-0142",
]
BORN = ["DOB 12-MAR-1951", "born 03/12/1951", "geb. 12.03.1951", "Date of birth: March 12, 1951", "*12.03.1951"]
REPORTS = [
    "Sinus rhythm",
    "Left anterior fascicular block",
    "Vorhofflimmern",
    "Wolff-Parkinson-White pattern",
    "QTc 480 ms",
]


@pytest.mark.parametrize("line", IDENTIFYING, ids=[line["id"] for line in IDENTIFYING])
def test_what_names_somebody_is_gone(line: dict) -> None:
    kept = without_identifiers(line["text"])
    assert [part for part in line["gone"] if part in kept] == []
    assert [part for part in line["keep"] if part not in kept] == []


@pytest.mark.parametrize("text", CLINICAL)
def test_what_names_nobody_stays_as_it_is(text: str) -> None:
    assert without_identifiers(text) == text
    assert without_identifiers(text.upper()) == text.upper()


def test_the_public_list(shared: Path) -> None:
    rows = [json.loads(line) for line in _lines(shared.parent / "labels/identifiers_public.jsonl")]
    kept = {row["id"]: without_identifiers(row["text"]) for row in rows}
    assert [row["id"] for row in rows if any(part in kept[row["id"]] for part in row["gone"])] == []
    assert [row["id"] for row in rows if any(part not in kept[row["id"]] for part in row["keep"])] == []


@given(st.sampled_from(BEFORE_A_NAME), st.sampled_from(NAMES), st.sampled_from(REPORTS), st.sampled_from("\n.;,"))
def test_a_signed_name_goes_wherever_it_stands(before: str, name: str, report: str, between: str) -> None:
    separated = between if between == "\n" else f"{between} "
    for text in (f"{report}{separated}{before}{name}", f"{before}{name}\n{report}", f"{report} ({before}{name})"):
        kept = without_identifiers(text)
        assert not any(surname in kept.lower() for surname in SURNAMES), text
        assert report in kept


@given(st.sampled_from(NUMBERS + BORN), st.sampled_from(REPORTS), st.sampled_from(["\n", ". ", "; ", "   ", "\t"]))
def test_a_number_or_date_of_birth_goes_wherever_it_stands(number: str, report: str, between: str) -> None:
    for text in (f"{report}{between}{number}", f"{number}{between}{report}"):
        kept = without_identifiers(text)
        assert not any(part in kept for part in ("4829", "078-05", "4711", "88123", "123456", "0142", "1951")), text
        assert report in kept


@pytest.mark.parametrize("blank", ["\u00a0", "\t", "   ", "\u2009", " \u200b"])
def test_other_blanks_hide_no_name(blank: str) -> None:
    kept = without_identifiers("Sinus rhythm\nConfirmed by Dr. Alan Grant MD".replace(" ", blank))
    assert "Grant" not in kept and kept.startswith("Sinus")


def test_decomposed_letters_hide_no_name() -> None:
    assert without_identifiers("Herr Mu\u0308ller: Vorhofflimmern") == "Vorhofflimmern"


def test_a_printed_page_keeps_its_reading() -> None:
    page = (
        "Pg. 1                                     03/04/26 10:12\n"
        "DOE,JANE Q      000-12-3456   NOT INPATIENT              DOB: JAN 2,1950\n"
        "    INTERPRETATION:\n"
        "                    Normal sinus rhythm\n"
        "    INTERPRETED BY: ROE,READER"
    )
    kept = without_identifiers(page)
    assert not any(part in kept for part in ("DOE", "JANE", "3456", "1950", "ROE"))
    assert "                    Normal sinus rhythm" in kept.splitlines()


def test_a_report_of_identifiers_alone_is_empty() -> None:
    assert without_identifiers("Name: Smith, John\nMRN 00482913\n\nConfirmed by Dr. Hammond") == ""


@given(st.text(max_size=300))
def test_any_text_is_read_and_nothing_is_added(text: str) -> None:
    kept = without_identifiers(text)
    assert len(kept) <= len(text) + 1
    assert without_identifiers(kept) is not None


def test_no_label_of_the_gold_reports_changes(shared: Path) -> None:
    labeler = builtin_labeler()
    for name in ("gold_public", "gold_public_2"):
        for line in _lines(shared.parent / f"labels/{name}.jsonl"):
            text = json.loads(line)["text"]
            kept = without_identifiers(text)
            assert labeler.read(kept).masks() == labeler.read(text).masks(), text


def test_ptbxl_whose_names_were_removed_stays_as_it_is(shared: Path) -> None:
    with (shared / "ptbxl/ptbxl_database.csv").open(encoding="utf-8", newline="") as file:
        reports = sorted({row["report"].strip("\n") for row in csv.DictReader(file)})[::5]
    assert len(reports) > 1000
    changed = [report for report in reports if without_identifiers(report) != report]
    assert [report for report in changed if "nr: " not in report] == []  # "xl-Diagnose nr: 030315"


REPEATED = [
    "Dr. ",
    "John ",
    "Smith, ",
    "confirmed by ",
    ": ",
    "1-",
    "(1",
    "a@",
    "A.",
    "x",
    " ",
    "1",
    "nr ",
    "\t",
    "^A",
    "patient\n",
]


@pytest.mark.parametrize("part", REPEATED)
def test_time_is_linear_in_the_length(part: str) -> None:
    def seconds(length: int) -> float:
        text = (part * length)[:length]
        best = float("inf")
        for attempt in range(3):
            with timed() as clock:
                without_identifiers(f"{text}{attempt}")
            best = min(best, clock.seconds)
        return best

    short, long = seconds(8_000), seconds(32_000)
    assert long < 12 * short + 0.05  # four times the length; quadratic would be sixteen times


def test_the_lists_of_words_are_read_by_their_rules() -> None:
    assert "signs" in find(["confirmed", "by", "dr"])[0].kinds
    assert "dr" in words("titles")
    assert "short_titles" in find(["ms"])[0].kinds
