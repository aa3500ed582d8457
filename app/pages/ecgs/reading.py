"""A report as a page shows it: its text in pieces, so that what was found is marked where it stands."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from app.pages.spans import Span, spans
from app.reports.schemas import FindingOut, ReportOut

STATUS_WORDS = {
    "present": "stated",
    "uncertain": "hedged",
    "negated": "denied",
    "historical": "of the past",
}


@dataclass(frozen=True)
class Piece:
    """A piece of a text; `mark` is a class of `<mark>`, empty where nothing is marked, and `title` says why it is."""

    text: str
    mark: str = ""
    title: str = ""


def pieces(report: ReportOut, names: Mapping[str, str], changed: Collection[str]) -> list[Piece]:
    """Return a report's text cut at its findings. `changed`: labels that only one of the two reports has.

    Positions are code points, as Python counts them. Findings of a report with codes stand in the codes: its text is
    one piece.
    """
    found = [] if report.codes is not None else report.findings
    return [_piece(span, names=names, changed=changed) for span in spans(report.text or "", found)]


def _piece(span: Span, *, names: Mapping[str, str], changed: Collection[str]) -> Piece:
    if span.found:
        title = "; ".join(f"{names.get(each.label, each.label)}: {STATUS_WORDS[each.status]}" for each in span.found)
        return Piece(span.text, f"mark-{_kind(span.found, changed)}", title)
    if span.cued:
        labels = ", ".join(dict.fromkeys(names.get(each.label, each.label) for each in span.cued))
        return Piece(span.text, "mark-cue", f"makes {labels} {STATUS_WORDS[span.cued[0].status]}")
    return Piece(span.text)


def _kind(here: list[FindingOut], changed: Collection[str]) -> str:
    positive = [each for each in here if each.status in ("present", "uncertain")]
    if any(each.label in changed for each in positive):
        return "changed"
    if not positive:
        return "negative"
    return "hedged" if all(each.status == "uncertain" for each in positive) else "same"
