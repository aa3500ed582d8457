"""A report as a page shows it: its text in pieces, so that what was found is marked where it stands."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise

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
    text = report.text or ""
    found = [] if report.codes is not None else report.findings
    edges = {0, len(text)}
    for each in found:
        edges |= {each.start, each.end}
        if each.cue_start is not None and each.cue_end is not None:
            edges |= {each.cue_start, each.cue_end}
    cuts = sorted(edge for edge in edges if 0 <= edge <= len(text))
    return [_piece(text[start:end], start, found, names=names, changed=changed) for start, end in pairwise(cuts)]


def _piece(
    text: str, start: int, found: list[FindingOut], *, names: Mapping[str, str], changed: Collection[str]
) -> Piece:
    here = [each for each in found if each.start <= start < each.end]
    if here:
        title = "; ".join(f"{names.get(each.label, each.label)}: {STATUS_WORDS[each.status]}" for each in here)
        return Piece(text, f"mark-{_kind(here, changed)}", title)
    cues = [each for each in found if each.cue_start is not None and each.cue_start <= start < (each.cue_end or 0)]
    if cues:
        labels = ", ".join(dict.fromkeys(names.get(each.label, each.label) for each in cues))
        return Piece(text, "mark-cue", f"makes {labels} {STATUS_WORDS[cues[0].status]}")
    return Piece(text)


def _kind(here: list[FindingOut], changed: Collection[str]) -> str:
    positive = [each for each in here if each.status in ("present", "uncertain")]
    if any(each.label in changed for each in positive):
        return "changed"
    if not positive:
        return "negative"
    return "hedged" if all(each.status == "uncertain" for each in positive) else "same"
