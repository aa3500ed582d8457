"""Fragments of MUSE statements, of real files and made ones."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from ml.formats.muse_statements import Fragment, report_text
from ml.labeling import builtin_labeler

ENDS = frozenset({"ENDSLINE"})
TYPED = frozenset({"USERINSERT"})


@pytest.mark.parametrize(
    ("fragments", "expected"),
    [
        ([], ""),
        ([Fragment("Normal ECG")], "Normal ECG"),
        ([Fragment("Anterior infarct"), Fragment(", age undetermined", ENDS)], "Anterior infarct, age undetermined"),
        ([Fragment("Atrial fibrillation", ENDS), Fragment("LVH", ENDS)], "Atrial fibrillation\nLVH"),
        ([Fragment("Vent. rate"), Fragment("has decreased", ENDS | TYPED)], "Vent. rate has decreased"),
        ([Fragment("Sinus rhythm", TYPED), Fragment("with PVCs", ENDS)], "Sinus rhythm with PVCs"),
        ([Fragment("Sinus rhythm", ENDS), Fragment("LVH", TYPED)], "Sinus rhythm\nLVH"),  # cut short
        ([Fragment("Sinus rhythm"), Fragment("LVH")], "Sinus rhythm\nLVH"),  # no fragment has its flag
        ([Fragment("\n  Sinus\n rhythm  ", ENDS), Fragment("", ENDS), Fragment(" ", TYPED)], "Sinus rhythm"),
        ([Fragment(""), Fragment("LVH", ENDS)], "LVH"),
        ([Fragment("(RSR'"), Fragment("in V1"), Fragment(")", ENDS)], "(RSR' in V1)"),
    ],
)
def test_fragments_are_joined_by_their_flags(fragments: list[Fragment], expected: str) -> None:
    assert report_text(fragments) == expected


def test_a_hedge_reaches_the_fragment_behind_it_and_no_other_line() -> None:
    fragments = [
        Fragment("Cannot rule out"),
        Fragment("Anterior infarct"),
        Fragment(", age undetermined", ENDS),
        Fragment("Inferior infarct", ENDS),
    ]
    findings = builtin_labeler().read(report_text(fragments)).findings
    assert {finding.label: finding.status for finding in findings} == {
        "anterior_mi": "uncertain", "inferior_mi": "present",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "diagnosis", "expected"),
    [
        (
            "muse-sinus.xml",
            "OriginalDiagnosis",
            "Normal Sinus rhythm\nAnterior infarct, age undetermined\nT wave abnormality, consider lateral ischemia\n"
            "Abnormal ECG\nWhen compared with ECG of 30-MAR-2023 09:09,\nQuestionable change in The axis",
        ),
        (
            "muse_ecg1.xml",
            "OriginalDiagnosis",
            "Wide QRS rhythm\nLeft axis deviation\nNon-specific intra-ventricular conduction block\n"
            "Lateral infarct, age undetermined\nAbnormal ECG\nWhen compared with ECG of 10-MAY-2021 18:34,\n"
            "Previous ECG has undetermined rhythm, needs review",
        ),
        ("muse_ecg2.xml", "Diagnosis", "Statement Text(22)\nStatement Text(1684)\nStatement Text(1300)"),
    ],
)
def test_real_files(shared: Path, name: str, diagnosis: str, expected: str) -> None:
    root = ElementTree.parse(shared / "formats/muse_xml" / name)
    fragments = [
        Fragment(each.findtext("StmtText") or "", {flag.text or "" for flag in each.findall("StmtFlag")})
        for each in root.iterfind(f"./{diagnosis}/DiagnosisStatement")
    ]
    assert report_text(fragments) == expected
