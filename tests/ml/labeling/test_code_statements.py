"""Codes joined to statements by their modifiers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.labeling import Code, LabeledReport, builtin, builtin_labeler

LABELER = builtin_labeler()


def read(*codes: str) -> LabeledReport:
    return LABELER.read_codes([Code("12SL", code) for code in codes])


def statuses(report: LabeledReport) -> dict[str, str]:
    return {finding.label: finding.status for finding in report.findings}


@pytest.mark.parametrize(
    ("codes", "statements", "expected"),
    [
        (["NSR", "NML"], ["NSR", "NML"], {"sinus_rhythm": "present"}),
        (["ASMI", "AU"], ["ASMI AU"], {"anterior_mi": "present"}),
        (["ASMI;AU"], ["ASMI AU"], {"anterior_mi": "present"}),
        ([" ASMI ; AU ;"], ["ASMI AU"], {"anterior_mi": "present"}),
        (["PO", "IMI", "AU", "LVH"], ["PO IMI AU", "LVH"], {"inferior_mi": "uncertain", "lvh": "present"}),
        (["PO;IMI;AU", "LVH"], ["PO IMI AU", "LVH"], {"inferior_mi": "uncertain", "lvh": "present"}),
        (["PO", "IMI;AU", "LVH"], ["PO IMI AU", "LVH"], {"inferior_mi": "uncertain", "lvh": "present"}),
        (["NSR;PO;IMI;LVH"], ["NSR", "PO IMI", "LVH"],
         {"sinus_rhythm": "present", "inferior_mi": "uncertain", "lvh": "present"}),
        (["NSR", "IMI;PO", "LVH"], ["NSR", "IMI PO", "LVH"],
         {"sinus_rhythm": "present", "inferior_mi": "uncertain", "lvh": "present"}),
        (["PO", "CRO", "IMI"], ["PO CRO IMI"], {"inferior_mi": "uncertain"}),
        (["PO", "IMI", "IMI"], ["PO IMI", "IMI"], {"inferior_mi": "present"}),
        (["PO", "IMI", "$SAND", "AMI"], ["PO IMI $SAND AMI"], {"inferior_mi": "uncertain", "anterior_mi": "uncertain"}),
        (["IMI", "$SAND", "PO", "AMI"], ["IMI $SAND PO AMI"], {"inferior_mi": "present", "anterior_mi": "uncertain"}),
        (["PO", "IMI", "$WITH", "AMI"], ["PO IMI $WITH", "AMI"], {"inferior_mi": "uncertain", "anterior_mi": "present"}),
        (["SRTH", "$SOR", "EAR"], ["SRTH $SOR EAR"], {"sinus_rhythm": "uncertain"}),
        (["AFIB", "$SOR", "FLUT"], ["AFIB $SOR FLUT"], {"afib": "uncertain", "aflutter": "uncertain"}),
        (["PO", "EAR", "SAR"], ["PO EAR SAR"], {"sinus_rhythm": "present"}),
        (["PO", "LAE", "RVE+"], ["PO LAE RVE+"], {"rvh": "uncertain"}),
        (["LVH", "LPAREN", "RAVL", "COMMA", "CORNPROD", "RPAREN", "2ST"],
         ["LVH LPAREN RAVL COMMA", "CORNPROD RPAREN 2ST"], {"lvh": "present"}),
        (["BLKED", "PAC", "ACCEL", "JR"], ["BLKED PAC", "ACCEL JR"], {}),
        (["AU"], ["AU"], {}),
        (["AU", "AMI"], ["AU", "AMI"], {"anterior_mi": "present"}),
        (["AFB", "AT", "LT", "PFB"], ["AFB", "AT", "LT", "PFB"], {"lad": "present", "rad": "present"}),
    ],
)  # fmt: skip
def test_modifiers_belong_to_the_code_beside_them(
    codes: list[str], statements: list[str], expected: dict[str, str]
) -> None:
    report = read(*codes)
    assert [" ".join(each.text.replace(";", " ").split()) for each in report.statements] == statements
    assert statuses(report) == expected
    assert report.unmapped == ()


@pytest.mark.parametrize(
    ("codes", "unmapped", "expected"),
    [
        (["ZMI"], ["ZMI"], {}),
        (["ZMI;AU"], ["ZMI"], {}),
        (["IMI;ZMI"], ["ZMI"], {"inferior_mi": "present"}),
        (["PO", "ZMI", "IMI"], ["ZMI"], {"inferior_mi": "present"}),
        (["IMI", "$WITH", "ZMI"], ["ZMI"], {"inferior_mi": "present"}),
        (["IMI", "$SAND", "ZMI"], ["ZMI"], {"inferior_mi": "present"}),
        (["asmi"], ["asmi"], {}),
        ([";"], [";"], {}),
        (["AFIB|LVH"], ["AFIB|LVH"], {}),
    ],
)
def test_an_unknown_code_is_a_statement_alone(codes: list[str], unmapped: list[str], expected: dict[str, str]) -> None:
    report = read(*codes)
    assert [each.text for each in report.unmapped] == unmapped
    assert statuses(report) == expected


def test_systems_are_not_mixed() -> None:
    said = [Code("12SL", "PO"), Code("SCP", "IMI"), Code("12SL", "AFB"), Code("SCP", "AFB"), Code("SCP", "ASMI;AU")]
    report = LABELER.read_codes(said)
    assert statuses(report) == {"lad": "present", "inferior_mi": "present"}
    assert [each.text for each in report.unmapped] == ["AFB", "ASMI;AU"]
    assert [report.system_of(each) for each in report.statements] == ["12SL", "SCP", "12SL", "SCP", "SCP"]
    assert LABELER.read("AFB").system_of(LABELER.read("AFB").statements[0]) is None


def test_a_hedge_is_the_cue_of_what_it_hedges() -> None:
    finding, *_ = read("NSR", "CRO;IMI", "AU").findings[1:]
    assert finding == ("inferior_mi", "uncertain", 8, 11, "IMI", "CRO", 4, 7)


def test_a_low_certainty_hedges_its_code_alone() -> None:
    report = LABELER.read_codes([Code("12SL", "IMI;AU", 0.5), Code("12SL", "LVH", 1.0), Code("12SL", "QESPMI", 1.0)])
    assert statuses(report) == {"inferior_mi": "uncertain", "lvh": "present", "posterior_mi": "uncertain"}


SYSTEM = builtin().code_systems[0]
KNOWN = sorted(
    {code for entry in builtin().codes if entry.system == "12SL" for code in entry.codes}
    | {code for entry in SYSTEM.modifiers for code in entry.codes}
    | set(SYSTEM.none)
    | {"ZMI"}
)


@given(st.lists(st.lists(st.sampled_from(KNOWN), min_size=1, max_size=4), max_size=8))
def test_every_code_is_in_one_statement_and_places_are_right(joined: list[list[str]]) -> None:
    codes = [";".join(each) for each in joined]
    report = read(*codes)
    listed = "\n".join(codes)
    assert [token for each in report.statements for token in each.text.replace(";", "\n").split("\n")] == [
        token for each in joined for token in each
    ]
    assert all(listed[each.start : each.end] == each.text for each in (*report.statements, *report.unmapped))
    assert all(listed[each.start : each.end] == each.text in KNOWN for each in report.findings)
    assert [each.text for each in report.unmapped] == [token for each in joined for token in each if token == "ZMI"]
    masks = report.masks()
    assert statuses(report) == {
        label: status
        for status, mask in zip(masks._fields, masks, strict=True)
        for bit, label in enumerate(report.labels)
        if mask >> bit & 1
    }


@given(st.lists(st.sampled_from(KNOWN), max_size=10), st.lists(st.booleans(), min_size=10, max_size=10))
def test_joined_codes_say_what_they_say_apart(codes: list[str], joins: list[bool]) -> None:
    """But for a hedge that is last in a joined code: it belongs to what is before it there."""
    groups: list[list[str]] = []
    for code, join in zip(codes, joins, strict=False):
        if groups and join and code not in ("PO", "CRO", "BLKED", "ACCEL"):
            groups[-1].append(code)
        else:
            groups.append([code])
    assert statuses(read(*map(";".join, groups))) == statuses(read(*codes))
