"""A report's text cut where its findings begin and end, so that a page can mark them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from app.pages.spans import spans
from app.reports.schemas import ReportOut

LONGEST = 2_000
"""Characters of a text that a list shows; the ECG's page shows all."""


@dataclass(frozen=True)
class Piece:
    """A piece of a text: how it is marked (`added`, `removed`, `same`; empty: not at all), and what it says."""

    text: str
    mark: str
    title: str


def pieces(report: ReportOut, names: Mapping[str, str], changed: Collection[str]) -> list[Piece]:
    """Return the beginning of a report's text in pieces; `changed` are the labels that only this report has."""
    only = "removed" if report.source == "machine" else "added"
    found = []
    for span in spans((report.text or "")[:LONGEST], report.findings, cues=False):
        title = "; ".join(f"{names.get(each.label, each.label)}: {each.status}" for each in span.found)
        is_changed = any(each.label in changed and each.status in ("present", "uncertain") for each in span.found)
        found.append(Piece(span.text, (only if is_changed else "same") if span.found else "", title))
    if len(report.text or "") > LONGEST:
        found.append(Piece("…", "", ""))
    return found
