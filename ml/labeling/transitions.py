"""Cues that mean something else where another cue stands before them: "cannot … exclude" is a hedge, no denial.

Which these are is data: the vocabulary's `transitions`.
"""

from collections.abc import Sequence

from ml.labeling.lexicon import Item
from ml.labeling.vocabulary import Transition, Vocabulary

REACH = 12  # words between the cue before and the one that changes
_FINDINGS = frozenset({"mention", "head"})
_ENDS = frozenset({"comma", "stop", "clause", "close"})
_MARKS = frozenset({"comma", "colon", "open"})


class Transitions:
    """A vocabulary's transitions."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._of: dict[str, list[Transition]] = {}
        for transition in vocabulary.transitions:
            for kind in transition.cues:
                self._of.setdefault(kind, []).append(transition)

    def settle(self, items: list[Item], length: int) -> list[Item]:
        """Return the items of a sentence of `length` words with the kinds that the transitions give them."""
        of = self._of
        if of.keys().isdisjoint([item.kind for item in items]):
            return items
        settled = list(items)
        for place, item in enumerate(items):
            for transition in of.get(item.kind, ()):
                before = _before(settled, place, transition) if transition.behind else []
                if transition.behind and not before:
                    continue
                if transition.answers and not _answers(items, place, length):
                    continue
                if transition.takes:
                    for i in before:
                        settled[i] = settled[i]._replace(kind="neutral")
                settled[place] = item._replace(kind=transition.becomes)
                break
        return settled


def _before(items: Sequence[Item], place: int, transition: Transition) -> list[int]:
    """Return the places of the cues before an item that change it: in its clause, with no finding between."""
    found: list[int] = []
    past_finding = False
    for i in range(place - 1, -1, -1):
        kind = items[i].kind
        if kind in _ENDS or items[place].start - items[i].end > REACH:
            break
        if kind in _FINDINGS:
            past_finding = True
        if kind in transition.behind and not past_finding:
            found.append(i)
    return found


def _answers(items: Sequence[Item], place: int, length: int) -> bool:
    """Whether an item stands right behind a mark and ends its clause: "LVH: negative"."""
    item = items[place]
    before = items[place - 1] if place > 0 else None
    after = items[place + 1] if place + 1 < len(items) else None
    behind_mark = before is not None and before.end == item.start and before.kind in _MARKS
    ends = item.end == length or (after is not None and after.start == item.end and after.kind in _ENDS)
    return behind_mark and ends
