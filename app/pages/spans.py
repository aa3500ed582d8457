"""A text cut where its findings begin and end."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from app.reports.schemas import FindingOut


class Span(NamedTuple):
    """A piece of a text, the findings that stand in it, and those whose cue does, in their order."""

    text: str
    found: list[FindingOut]
    cued: list[FindingOut]


def spans(text: str, findings: Sequence[FindingOut], *, cues: bool = True) -> Iterator[Span]:
    """Yield a text in pieces, in one walk. Positions are code points; what lies beyond the text is left out.

    Without `cues` the text is not cut at them.
    """
    places = [(each.start, each.end, False, each) for each in findings]
    if cues:
        places += [
            (each.cue_start, each.cue_end, True, each)
            for each in findings
            if each.cue_start is not None and each.cue_end is not None
        ]
    places = sorted((place for place in places if place[0] < len(text)), key=lambda place: place[0])
    edges = sorted({0, len(text), *(min(edge, len(text)) for start, end, *_ in places for edge in (start, end))})
    here: list[tuple[int, int, bool, FindingOut]] = []
    begun = 0
    for start, end in pairwise(edges):
        while begun < len(places) and places[begun][0] <= start:
            here.append(places[begun])
            begun += 1
        here = [place for place in here if place[1] > start]
        found, cued = ([each for *_, is_cue, each in here if is_cue == wanted] for wanted in (False, True))
        yield Span(text[start:end], found, cued)
