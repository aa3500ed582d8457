"""Reports come apart into whole diagnosis statements."""

import pytest

from ml.labeling import builtin_labeler

LABELER = builtin_labeler()


@pytest.mark.parametrize(
    ("report", "statements"),
    [
        ("Sinus rhythm\nNormal ECG", ["Sinus rhythm", "Normal ECG"]),
        ("1. Sinus rhythm\n2) LVH\n- RBBB", ["Sinus rhythm", "LVH", "RBBB"]),
        (
            "Inferior infarct\n, age undetermined\nAbnormal ECG",
            ["Inferior infarct\n, age undetermined", "Abnormal ECG"],
        ),
        ("LEFT VENTRICULAR\nHYPERTROPHY", ["LEFT VENTRICULAR\nHYPERTROPHY"]),
        ("CANNOT RULE OUT\nANTERIOR INFARCT", ["CANNOT RULE OUT\nANTERIOR INFARCT"]),
        ("LBBB is no longer\nPresent\nLVH", ["LBBB is no longer\nPresent", "LVH"]),
        ("NSR, LAD, LVH", ["NSR", "LAD", "LVH"]),
        ("No LVH, RVH, or RBBB", ["No LVH, RVH, or RBBB"]),
        ("LVH, may be normal variant", ["LVH, may be normal variant"]),
        ("Anterior infarct, possibly acute", ["Anterior infarct, possibly acute"]),
        ("T wave abnormality, consider lateral ischemia", ["T wave abnormality, consider lateral ischemia"]),
        ("AF vs. flutter. Low voltage.", ["AF vs. flutter", "Low voltage"]),
        ("V.a. Hinterwandinfarkt. Linkstyp.", ["V.a. Hinterwandinfarkt", "Linkstyp"]),
        ("LVH? RBBB", ["LVH?", "RBBB"]),
        ("LVH; QT prolonged to 0.5 s; QTc 512 ms", ["LVH", "QT prolonged to 0.5 s"]),
        (r"LVH\.br\RBBB\E\LBBB", ["LVH", "RBBB", "LBBB"]),
        ("SINUS RHYTHM.......rate 60, not LBBB", ["SINUS RHYTHM"]),
        ("LVH\nConfirmed by LAD, M.D., AF (12) on 3/3/2011", ["LVH"]),
        ("Technician: SB   Room: RAD 2\nVent. rate 62 BPM\nLBBB", ["LBBB"]),
        ("", []),
        ("*** 12 ***\n---", []),
    ],
)
def test_statements(report: str, statements: list[str]) -> None:
    assert [statement.text.rstrip(".") for statement in LABELER.read(report).statements] == statements
