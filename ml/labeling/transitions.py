"""Cues that mean something else by where they stand or by what stands before them: "cannot … exclude" is a hedge.

Which these are is data: the vocabulary's `transitions`. Here are the walk back through a clause (`behind`) and the
places in a sentence that `where` names.
"""

from collections.abc import Callable, Iterable, Sequence

from ml.labeling.clauses import OPENING
from ml.labeling.lexicon import Item
from ml.labeling.vocabulary import Transition, Vocabulary, Where

REACH = 12  # words between the cue before and the one that changes
ANSWERED = 5  # words between a finding and the mark before its answer: "LVH (by Cornell voltage):"
_FINDINGS = frozenset({"mention", "head", "axis"})
_FOLLOWING = _FINDINGS | {"part", "age"}
_ENDS = frozenset({"comma", "stop", "clause", "close", "slash"})
_MARKS = frozenset({"comma", "colon", "open", "becomes"})


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
                if transition.where is not None and not _PLACES[transition.where](items, place, length):
                    continue
                if transition.before and not _before_label(items, place, transition.before):
                    continue
                before = _before(settled, place, transition) if transition.behind else []
                if transition.behind and not before:
                    continue
                if transition.takes:
                    for i in before:
                        settled[i] = settled[i]._replace(kind="neutral")
                settled[place] = item._replace(kind=transition.becomes)
                break
        return settled


def _before(items: Sequence[Item], place: int, transition: Transition) -> list[int]:
    """Return the places of the cues before an item that change it: in its clause, with no finding between.

    An `adjacent` one has nothing but neutral items between, an `over_findings` one may have findings.
    """
    found: list[int] = []
    for i in range(place - 1, -1, -1):
        item = items[i]
        apart = transition.adjacent and item.end != items[i + 1].start
        if item.kind in _ENDS or apart or items[place].start - item.end > REACH:
            break
        if item.kind in _FINDINGS and not transition.over_findings:
            break
        if item.kind in transition.behind:
            found.append(i)
        elif transition.adjacent and item.kind != "neutral":
            break
    return found


def _before_label(items: Sequence[Item], place: int, labels: Sequence[str]) -> bool:
    """Whether a finding of one of the labels, or a word of it, follows with its age and the like between."""
    for i in range(place + 1, len(items)):
        item = items[i]
        if item.start != items[i - 1].end or not (item.kind in _FOLLOWING or item.kind in ("filler", "neutral")):
            return False
        if item.rule is not None and not set(labels).isdisjoint(item.rule.labels):
            return True
    return False


def _answers(items: Sequence[Item], place: int, length: int) -> bool:
    """Right behind a mark, and at the end of its clause: "LVH: negative"."""
    behind_mark = place > 0 and items[place - 1].end == items[place].start and items[place - 1].kind in _MARKS
    return behind_mark and _ends(items, place, length)


def _ends(items: Sequence[Item], place: int, length: int) -> bool:
    after = items[place + 1] if place + 1 < len(items) else None
    return items[place].end == length or (after is not None and after.start == items[place].end and after.kind in _ENDS)


def _before_finding(items: Sequence[Item], place: int, _length: int) -> bool:
    """Right before a finding or its age: "neg LVH"."""
    after = items[place + 1] if place + 1 < len(items) else None
    return after is not None and after.start == items[place].end and after.kind in _FOLLOWING


def _before_now(items: Sequence[Item], place: int, _length: int) -> bool:
    """Before a new clause of its sentence: "known AF, now sinus rhythm"."""
    return any(item.kind == "clause" for item in items[place + 1 : place + REACH])


def _opens(items: Sequence[Item], place: int, _length: int) -> bool:
    """In a clause with no finding before it: "Echo shows LVH"."""
    return _no_finding(reversed(items[:place]))


def _closes(items: Sequence[Item], place: int, _length: int) -> bool:
    """In a clause with no finding behind it: "LVH is hard to exclude"."""
    return _no_finding(items[place + 1 :])


def _no_finding(items: Iterable[Item]) -> bool:
    """Whether no finding stands among items up to the first that is not of their clause."""
    for item in items:
        if item.kind in _FOLLOWING:
            return False
        if item.kind in OPENING and item.kind != "and":
            break
    return True


def _ticks(items: Sequence[Item], place: int, length: int) -> bool:
    """A box in a line whose boxes stand behind their findings, not before: "LBBB [ ] RBBB [x]"."""
    kind = items[place].kind[: items[place].kind.index("_")]
    first = next(i for i, item in enumerate(items) if item.kind.startswith(kind))
    return any(item.kind in _FINDINGS for item in items[:first])


_PLACES: dict[Where, Callable[[Sequence[Item], int, int], bool]] = {
    "answers": _answers,
    "before_finding": _before_finding,
    "before_now": _before_now,
    "opens": _opens,
    "closes": _closes,
    "ticks": _ticks,
}
