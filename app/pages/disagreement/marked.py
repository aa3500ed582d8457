"""A report's text cut where its findings begin and end, so that a page can mark them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise

from app.reports.schemas import FindingOut, ReportOut

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
    text = (report.text or "")[:LONGEST]
    only = "removed" if report.source == "machine" else "added"
    waiting = sorted((each for each in report.findings if each.start < len(text)), key=lambda each: -each.start)
    edges = sorted({0, len(text), *(min(edge, len(text)) for each in waiting for edge in (each.start, each.end))})
    found, here = [], list[FindingOut]()
    for start, end in pairwise(edges):
        while waiting and waiting[-1].start <= start:
            here.append(waiting.pop())
        here = [each for each in here if each.end > start]
        title = "; ".join(f"{names.get(each.label, each.label)}: {each.status}" for each in here)
        is_changed = any(each.label in changed and each.status in ("present", "uncertain") for each in here)
        found.append(Piece(text[start:end], (only if is_changed else "same") if here else "", title))
    if len(report.text or "") > LONGEST:
        found.append(Piece("…", "", ""))
    return found
