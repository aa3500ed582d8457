"""A code says what the text of the same statement says, under every switch of the policy."""

import csv
from collections.abc import Iterator
from functools import cache
from itertools import permutations, product
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.labeling import Code, LabeledReport, Labeler, builtin
from ml.labeling.policy import Policy

SWITCHES = [
    (switch, value)
    for switch, field in Policy.model_fields.items()
    for value in get_args(field.annotation)
    if value != field.default
]
PRINTED = dict(
    line.split("\t")
    for line in Path(__file__).with_name("statements_12sl.tsv").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
)
RHYTHMS = [
    "NSR",
    "SRTH",
    "SBRAD",
    "MSBRAD",
    "STACH",
    "EAR",
    "EABRAD",
    "EATACH",
    "JR",
    "JTACH",
    "JUNBRAD",
    "JUNCT-R",
    "AFIB",
    "FLUT",
    "UR",
]
INFARCTS = ["SMI", "AMI", "LMI", "IMI", "IPMI", "POSTMI", "ASMI", "ALMI"]
SIZES = ["LVH", "LVH2", "LVH3", "QRSV", "RVH", "BIVH", "LAE", "RAE", "BAE"]
OF_RHYTHMS = [
    "FAV",
    "SPR",
    "SAV",
    "MBZI",
    "MBZII",
    "VAVB",
    "W2T1",
    "W3T1",
    "W4T1",
    "CHB",
    "AVDIS",
    "RVR",
    "SVR",
    "CJP",
    "IRREG",
    "SAR",
    "MSAR",
    "PVC",
    "PAC",
    "PSVC",
]
OF_INFARCTS = ["AU", "AC", "OLD", "NEW"]
OF_SIZES = ["QRSW", "2ST", "RVE+", "LPAREN RAVL COMMA CORNPROD RPAREN", "LPAREN CSEC RPAREN 2ST"]
SYSTEM = next(each for each in builtin().code_systems if each.name == "12SL")
MODIFIERS = {code for entry in SYSTEM.modifiers for code in entry.codes}
HEADS = sorted(PRINTED.keys() - MODIFIERS)
NOT_ALIKE = {
    "195080001": "the concept is either of both; its name, 'atrial fibrillation and flutter', says that both are there"
}


@cache
def labeler(switch: str = "", value: str = "") -> Labeler:
    return Labeler(builtin().under(**{switch: value}) if switch else builtin())


def statuses(report: LabeledReport) -> dict[str, str]:
    return {finding.label: finding.status for finding in report.findings}


def of_codes(*codes: str, system: str = "12SL", reads: Labeler | None = None) -> dict[str, str]:
    return statuses((reads or labeler()).read_codes([Code(system, code) for code in codes]))


def printed(codes: tuple[str, ...]) -> str:
    return " ".join(PRINTED[code] for code in codes).replace(" ,", ",")


def differing(said: Iterator[tuple[str, ...]]) -> list[str]:
    """Return the texts of those codes that do not say what their text says."""
    return [printed(codes) for codes in said if of_codes(*codes) != statuses(labeler().read(printed(codes)))]


def test_every_public_acronym_is_known(shared: Path) -> None:
    listed = (shared.parent / "labels/12SL.tsv").read_text(encoding="utf-8").splitlines()
    acronyms = {
        code for line in listed if not line.startswith(("#", "acronyms")) for code in line.split("\t")[0].split()
    }
    assert len(acronyms) == 108
    assert acronyms <= PRINTED.keys()
    report = labeler().read_codes([Code("12SL", code) for code in sorted(acronyms)])
    assert report.unmapped == ()


def test_the_printed_statements_are_of_the_codes_of_the_vocabulary() -> None:
    mentioning = {code for entry in builtin().codes if entry.system == "12SL" for code in entry.codes}
    assert PRINTED.keys() == mentioning | MODIFIERS | set(SYSTEM.none)


@pytest.mark.parametrize(("switch", "value"), [("", ""), *SWITCHES])
def test_a_12sl_code_says_what_its_statement_says(switch: str, value: str) -> None:
    reads = labeler(switch, value)
    differ = {code: text for code, text in PRINTED.items() if of_codes(code, reads=reads) != statuses(reads.read(text))}
    assert differ == {}


def test_with_a_hedge() -> None:
    assert differing((hedge, code) for hedge, code in product(("PO", "CRO"), HEADS)) == []


@pytest.mark.parametrize(("codes", "modifiers"), [(RHYTHMS, OF_RHYTHMS), (INFARCTS, OF_INFARCTS), (SIZES, OF_SIZES)])
def test_with_up_to_two_modifiers_and_a_hedge(codes: list[str], modifiers: list[str]) -> None:
    """But for a "plus …" behind a "with …" or a bracket, which no device prints."""
    behind = [()] + [each for n in (1, 2) for each in permutations(modifiers, n) if "RVE+" not in each[1:]]
    said = (
        (*hedge, code, *(token for each in more for token in each.split()))
        for hedge, code, more in product(((), ("PO",), ("CRO",)), codes, behind)
    )
    assert differing(said) == []


@pytest.mark.parametrize("codes", [RHYTHMS, INFARCTS, SIZES])
def test_joined_by_a_word(codes: list[str]) -> None:
    words = ("$WITH", "$SWITH", "$SAND", "$SOR", "COMMA")
    said = (
        (*hedge, first, word, second)
        for hedge, first, word, second in product(((), ("PO",), ("CRO",)), codes, words, codes)
        if first != second
    )
    assert differing(said) == []


@given(st.lists(st.tuples(st.sampled_from([None, "PO", "CRO"]), st.sampled_from(HEADS)), max_size=8))
def test_a_list_says_what_its_lines_say(statements: list[tuple[str | None, str]]) -> None:
    said = [tuple(filter(None, each)) for each in statements]
    text = "\n".join(f"{printed(each)}." for each in said)
    assert of_codes(*(code for each in said for code in each)) == statuses(labeler().read(text))


def described(shared: Path) -> Iterator[tuple[str, str, str]]:
    """Yield system, code and description of the codes of PTB-XL and of the PhysioNet Challenge 2021."""
    with (shared / "ptbxl/scp_statements.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield "SCP", row[""], row["description"]
            yield "SCP", row[""], row["SCP-ECG Statement Description"]
    for name in ("scored", "unscored"):
        with (shared / f"cinc2021/dx_mapping_{name}.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                yield "SNOMED", row["SNOMEDCTCode"], row["Dx"]


@pytest.mark.parametrize(("switch", "value"), [("", ""), *SWITCHES])
def test_a_code_of_a_data_set_says_what_its_description_says(shared: Path, switch: str, value: str) -> None:
    reads = labeler(switch, value)
    differ = {
        code
        for system, code, text in described(shared)
        if of_codes(code, system=system, reads=reads) != statuses(reads.read(text))
    }
    alike_here = NOT_ALIKE.keys() if (switch, value) == ("fib_flutter_undecided", "present") else set()
    assert differ == NOT_ALIKE.keys() - alike_here


def test_every_code_of_a_data_set_is_known(shared: Path) -> None:
    codes = [Code(system, code) for system, code, _ in described(shared)]
    assert len(set(codes)) == 71 + 133
    assert labeler().read_codes(codes).unmapped == ()
