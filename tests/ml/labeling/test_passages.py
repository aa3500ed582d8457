"""Lines and sentences read alone say what they say in the whole report."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.labeling import Labeler, builtin, builtin_labeler
from ml.labeling.statements import Splitter

LABELER = builtin_labeler()
LINES = [
    "Sinus rhythm", "Inferior infarct", ", age undetermined", "CANNOT RULE OUT", "ANTERIOR INFARCT", "LBBB is no longer",
    "Present", "No LVH. RBBB", "Left axis deviation.", "is not", "Possible", "and", "LVH or", "RVH", "", "  ", "NSR, LAD",
    "Technician: SB", "Confirmed by Dr. AF. LVH", "QRS axis -60......... LAD", "[reason: LVH]", "Sinusrhythmus. Linkstyp.",
    "V.a. Hinterwandinfarkt", "z.n. inf. infarkt. LSB", "Computer reading of LVH", "is incorrect", "with 2:1", "flutter",
    "History: AF", "Previous ECG showed", r"RBBB\.br\LVH", "axis", "-45", "(cited on or before 1-JAN-2001)", "r/o",
]  # fmt: skip


class _Whole(Splitter):
    """The slow reference: every report is one passage."""

    def passages(self, text: str) -> Iterator[tuple[int, str]]:
        """Give the text as it is."""
        yield 0, text

    def sentences(self, lines: str) -> list[tuple[int, str]]:
        """Give the text as it is."""
        return [(0, lines)]


@pytest.fixture(scope="module")
def reference() -> Labeler:
    """A labeler that reads every report as one passage."""
    labeler = builtin_labeler()
    labeler._splitter.__class__ = _Whole
    return labeler


@settings(max_examples=600, deadline=None)
@given(st.lists(st.sampled_from(LINES), max_size=7), st.sampled_from(["\n", "\r\n", ". ", "\n\n"]))
def test_as_in_the_whole_report(reference: Labeler, lines: list[str], between: str) -> None:
    text = between.join(lines)
    assert LABELER.read(text) == reference.read(text)


def test_as_in_the_whole_report_on_real_ones(reference: Labeler, shared: Path) -> None:
    gold = (shared.parent / "labels/gold_public.jsonl").read_text(encoding="utf-8").splitlines()
    for text in (json.loads(line)["text"] for line in gold):
        assert LABELER.read(text) == reference.read(text)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(LINES), max_size=7).map("\n".join))
def test_masks_are_the_findings(text: str) -> None:
    reading = LABELER.read(text)
    masks = reading.masks()._asdict()
    for status, mask in masks.items():
        keys = [label for bit, label in enumerate(reading.labels) if mask >> bit & 1]
        assert keys == [finding.label for finding in reading.findings if finding.status == status]
    for finding in reading.findings:
        assert text[finding.start : finding.end] == finding.text
        if finding.cue is not None:
            assert finding.cue_start is not None and text[finding.cue_start : finding.cue_end] == finding.cue
    for statement in reading.statements:
        assert text[statement.start : statement.end] == statement.text


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("AF", "atrial fibrillation"),
        ("Inferior infarct, age undetermined", "INFERIOR MYOCARDIAL INFARCTION, AGE UNDETERMINED"),
        ("LAFB", "left anterior fasicular block"),
        ("Possible LVH", "possible Left Ventricular Hypertrophy"),
        ("RBBB", "Right bundle-branch block"),
        ("Anterior and inferior infarcts", "Anterior infarct and inferior infarct"),
        ("PVCs", "premature ventricular complexes"),
        ("PVC(s)", "Ventricular ectopics"),
        ("Ventrikuläre Extrasystole(n)", "VES"),
        ("occasional PACs", "Occasional atrial premature contractions"),
        ("1st degree A-V block", "1° AVB"),
        ("First-degree atrioventricular block", "AV-Block I. Grades"),
        ("NSST-T changes", "Nonspecific ST and T wave abnormality"),
        ("AFib with RVR", "Atrial fibrillation with rapid ventricular response"),
        ("IRBBB", "Inkompletter Rechtsschenkelblock"),
        ("Inferior MI of indeterminate age", "Inferior infarct, age undetermined"),
    ],
)
def test_synonyms_have_one_normal_form(left: str, right: str) -> None:
    assert LABELER.normal_form(left) == LABELER.normal_form(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("LVH", "No LVH"),
        ("Acute inferior infarct", "Old inferior infarct"),
        ("LAD", "LAD stenosis"),
        ("RBBB", "LBBB"),
        ("Normal ECG", "Abnormal ECG"),
        ("Normal ECG", "Otherwise normal ECG"),
        ("PVCs", "PACs"),
        ("PVCs", "No PVCs"),
        ("1st degree AV block", "2nd degree AV block"),
        ("IRBBB", "RBBB"),
    ],
)
def test_what_differs_keeps_differing(left: str, right: str) -> None:
    assert LABELER.normal_form(left) != LABELER.normal_form(right)


def test_a_normal_form_is_its_own() -> None:
    names = [entry.name for entry in builtin().synonyms]
    for line in (*names, *(line for line in LINES if not set(line) & set(".,:/\\[("))):
        normal = LABELER.normal_form(line)
        assert LABELER.normal_form(normal) == normal
