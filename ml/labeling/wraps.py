"""Whether a line goes on in the next: it ends within a term, or open, or the next cannot begin a statement."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from ml.labeling.lexicon import Item, Lexicon
from ml.labeling.tokens import tokenize

_ANSWERED = {  # the marks behind which a cue at the end of a line answers the finding before it: "LVH: possible"
    "negation": frozenset({"colon", "comma", "open"}),
    "contrast": frozenset({"colon", "comma", "open"}),
    "hedge": frozenset({"colon"}),
    "historical": frozenset({"colon"}),
}
_FINDINGS = frozenset({"mention", "head"})
_NEVER_FIRST = frozenset({",", ")", "(", ""})  # of a statement
_EDGE = 5  # words on either side of a line break that tell whether the line was wrapped

_OPENS = frozenset(
    {
        "hedge",
        "differential",
        "negation",
        "negation_list",
        "contrast",
        "inability",
        "exclusion",
        "correction",
        "attachment",
        "and",
        "or",
        "versus",
        "to",
        "withheld",
        "part",
        "filler",
        "historical",
        "past_tracing",
        "past_reading",
        "told",
        "replaced",
        "swap",
        "known",
        "support",
        "complement",
    }
)
_CONTINUES = frozenset(
    {"hedge_after", "negation_after", "historical_after", "historical_aside", "withheld_after", "correction_after",
     "affirmation", "attachment", "and", "or", "versus", "to"}
)  # fmt: skip


class Edges(NamedTuple):
    """The words at both ends of a line, without what is left out of it and the stops at its end; "" where none is.

    `resumes`: it may say of the finding before it that a normal heart has it too.
    """

    first: str
    second: str
    before_last: str
    last: str
    resumes: bool = False


class Wraps:
    """Joins wrapped lines by the kinds of a vocabulary's terms at their ends."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._continue, self._open, self._together = lexicon.neighbours(_CONTINUES, _OPENS)
        self._may_end_open = frozenset(words[-1] for words in self._open)
        self.wrapped = lru_cache(maxsize=20_000)(self._is_wrapped)

    def may_go_on(self, left: Edges, right: Edges) -> bool:
        """Whether a line may go on in the next, by the words at their ends: `wrapped` decides."""
        first, second, _, _, _ = right
        _, _, before_last, last, _ = left
        return (
            first in _NEVER_FIRST
            or last == ""
            or (last, first) in self._together
            or (first,) in self._continue
            or (first, second) in self._continue
            or (last,) in self._open
            or (last == "?" and second == "" and first in self._lexicon.answers)
            # a line of one word may end a term that began on the line before
            or ((before_last, last) in self._open if before_last else last in self._may_end_open)
        )

    def _is_wrapped(self, left: str, right: str) -> bool:
        """Whether a line goes on in the next: it ends within a term, or open, or the next cannot begin a statement."""
        if right.lstrip()[:1] in (",", ")") or right.lstrip().lower().startswith("(cited"):
            return True
        before = self._lexicon.spelt(tokenize(left).words[-_EDGE:])
        after = self._lexicon.spelt(tokenize(right).words[:_EDGE])
        if not before or not after:
            return False
        items = self._lexicon.items([*before, *after])
        edge = len(before)
        if any(item.start < edge < item.end for item in items):
            return True
        ends = [item for item in items if item.end == edge]
        begins = [item for item in items if item.start == edge]
        if begins and begins[0].kind in _CONTINUES:
            return begins[0].kind != "historical_aside" or begins[0].end == edge + len(after)
        if not ends or ends[0].kind not in _OPENS or before[-1] in ("?", "-"):
            return False
        if ends[0].kind in _ANSWERED and _answers(items, ends[0]):
            return False
        if ends[0].kind == "part":
            return bool(begins) and begins[0].kind in ("head", "part", "filler")
        if ends[0].kind == "filler":
            return bool(begins) and begins[0].kind == "head"
        return ends[0].start == 0 or before[ends[0].start - 1] not in (",", "-", "(")


def _answers(items: Sequence[Item], last: Item) -> bool:
    """Whether a line's last item answers a finding before it: "LVH: No"."""
    before = [item for item in items if item.end <= last.start]
    marked = bool(before) and before[-1].end == last.start and before[-1].kind in _ANSWERED[last.kind]
    return marked and any(item.kind in _FINDINGS for item in before)
