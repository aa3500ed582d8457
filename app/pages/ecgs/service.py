"""What the pages of ECGs show, put together from what the API's operations answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.access_log.shown import Shown
from app.disagreement.counting.cells import CellBook
from app.disagreement.drilldown.service import of_ecg
from app.ecgs import queries
from app.ecgs import service as ecgs
from app.ecgs.schemas import EcgSummary
from app.ecgs.tables import Ecg
from app.pages.ecgs.differences import Differences, differences
from app.pages.ecgs.reading import Piece, pieces
from app.reports import service as reports
from app.reports.schemas import FindingOut, ReportOut
from app.vocabularies.service import ReadingRules

MOST_OF_PATIENT = 20
MEASURED = (
    ("heart_rate", "Heart rate", "1/min"),
    ("pr_ms", "PR", "ms"),
    ("qrs_ms", "QRS", "ms"),
    ("qt_ms", "QT", "ms"),
    ("qtc_ms", "QTc", "ms"),
    ("p_axis", "P axis", "°"),
    ("qrs_axis", "QRS axis", "°"),
    ("t_axis", "T axis", "°"),
)
"""Measurements: their field, their name, their unit."""


@dataclass(frozen=True)
class Reading:
    """One report with its text in pieces, and the labels that it finds, each once."""

    report: ReportOut
    pieces: list[Piece]
    findings: list[FindingOut]


@dataclass(frozen=True)
class EcgView:
    """The page of one ECG."""

    ecg: EcgSummary
    names: Mapping[str, str]
    machine: list[Reading]
    overread: list[Reading]
    earlier_versions: list[Reading]
    differences: Differences | None
    of_patient: list[EcgSummary]

    @property
    def caption(self) -> str:
        """The line above the traces."""
        ecg = self.ecg
        known = [
            f"ECG {str(ecg.id)[:8]}",
            ecg.record,
            f"{ecg.recorded_at:%Y-%m-%d %H:%M} UTC" if ecg.recorded_at else None,
            f"{ecg.age:g} y" if ecg.age is not None else None,
            ecg.sex if ecg.sex != "unknown" else None,
            ecg.site,
            ecg.device,
        ]
        return " · ".join(part for part in known if part)

    @property
    def description(self) -> str:
        """What the text alternative of the traces says besides: the device's measurements."""
        measured = self.ecg.measurements
        if measured is None:
            return ""
        said = [(name, unit, getattr(measured, key)) for key, name, unit in MEASURED]
        words = ", ".join(f"{name} {value:g} {unit}" for name, unit, value in said if value is not None)
        return f"Measured by the device: {words}"


def view(session: Session, book: CellBook, rules: ReadingRules, ecg: Ecg, *, shown: Shown) -> EcgView:
    """Return the page of an ECG; its patient's other ECGs are recorded as shown."""
    names = {label.key: label.name for label in rules.vocabulary.labels}
    cells = of_ecg(session, book, rules, ecg.id)
    differing = differences(cells, rules.vocabulary.labels) if cells is not None else None
    changed = differing.changed if differing is not None else set()
    readings = [
        Reading(report, pieces(report, names, changed if report.counts else ()), _once(report.findings))
        for report in reports.of_ecg(session, ecg.id)
    ]
    current = sorted((each for each in readings if each.report.current), key=lambda each: not each.report.counts)
    of_patient = _of_patient(session, ecg)
    shown.add(each.id for each in of_patient)
    return EcgView(
        ecg=ecgs.outside(ecg),
        names=names,
        machine=[each for each in current if each.report.source == "machine"],
        overread=[each for each in current if each.report.source == "overread"],
        earlier_versions=[each for each in reversed(readings) if not each.report.current],
        differences=differing,
        of_patient=of_patient,
    )


def _of_patient(session: Session, ecg: Ecg) -> list[EcgSummary]:
    if ecg.patient_hash is None:
        return []
    found = queries.of_patient(session, ecg.patient_hash, simulated=ecg.simulated, limit=MOST_OF_PATIENT + 1)
    return [ecgs.outside(each) for each in found if each.id != ecg.id][:MOST_OF_PATIENT]


def _once(findings: Sequence[FindingOut]) -> list[FindingOut]:
    return list({(each.label, each.status): each for each in findings}.values())


@dataclass(frozen=True)
class Row:
    """An ECG in the list, with what the reports that count say of it."""

    ecg: EcgSummary
    machine: list[FindingOut]
    overread: list[FindingOut]


def rows(session: Session, listed: Sequence[EcgSummary]) -> list[Row]:
    """Return the list's ECGs with the findings of the reports that count."""
    readings = reports.of_ecgs(session, [ecg.id for ecg in listed])
    return [Row(ecg, _said(readings[ecg.id], "machine"), _said(readings[ecg.id], "overread")) for ecg in listed]


def _said(readings: Sequence[ReportOut], source: str) -> list[FindingOut]:
    of_source = (report for report in readings if report.source == source and report.counts)
    return [each for report in of_source for each in _once(report.findings) if each.status in ("present", "uncertain")]
