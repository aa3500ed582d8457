"""A report's text cut where its findings begin and end, so that a page can mark them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise

from app.reports.schemas import FindingOut, ReportOut


@dataclass(frozen=True)
class Piece:
    """A piece of a text: how it is marked (`added`, `removed`, `same`; empty: not at all), and what it says."""

    text: str
    mark: str
    title: str


def pieces(report: ReportOut, names: Mapping[str, str], changed: Collection[str]) -> list[Piece]:
    """Return a report's text in pieces; `changed` are the labels that only this report has."""
    text = report.text or ""
    only = "removed" if report.source == "machine" else "added"
    edges = sorted({0, len(text), *(edge for each in report.findings for edge in (each.start, each.end))})
    return [
        _piece(
            text[start:end], [each for each in report.findings if each.start <= start < each.end], names, changed, only
        )
        for start, end in pairwise(edges)
    ]


def _piece(
    text: str, findings: list[FindingOut], names: Mapping[str, str], changed: Collection[str], only: str
) -> Piece:
    if not findings:
        return Piece(text, "", "")
    title = "; ".join(f"{names.get(each.label, each.label)}: {each.status}" for each in findings)
    is_changed = any(each.label in changed and each.status in ("present", "uncertain") for each in findings)
    return Piece(text, only if is_changed else "same", title)
