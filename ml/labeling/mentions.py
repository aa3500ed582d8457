"""Items to mentions: which labels a statement names, before it is asked whether it asserts them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ml.labeling.lexicon import Item, Lexicon
from ml.labeling.reading import Status
from ml.labeling.vocabulary import Axis, Rule, Vocabulary

SLOWEST, FASTEST = 25, 350  # beats per minute: what can follow a rhythm that stands alone ("ST 112")
_WITHIN = frozenset({"part", "age", "filler", "and", "or", "slash", "hedge", "negation", "comma", "sign"})
_AFTER_HEAD = frozenset({"age", "filler", "comma", "open", "colon", "hedge"})
_ENDS_ITEM = frozenset({"comma", "stop", "slash", "close", "colon"})


class Mention(NamedTuple):
    """Labels named by words `start` to `end`; `shown_end` is where its words end for a reader.

    `group` is the same for the parts of one compound, and of no other mention. No labels: another finding, which
    cues may belong to.
    """

    kind: str
    start: int
    end: int
    labels: tuple[str, ...]
    status: Status
    shown_end: int
    group: int


class Mentions:
    """Finds the mentions of a vocabulary's labels among items."""

    def __init__(self, vocabulary: Vocabulary, lexicon: Lexicon) -> None:
        self._axis = vocabulary.axis
        self._axis_fillers = frozenset(vocabulary.axis.fillers.all() if vocabulary.axis else ())
        self._lexicon = lexicon

    def resolve(self, items: Sequence[Item], words: Sequence[str]) -> list[Item | Mention]:
        """Replace rules, compounds and axis values by mentions; what mentions nothing stays as it is."""
        resolved: dict[int, Mention | None] = dict(_compounds(items))
        for i, item in enumerate(items):
            if item.kind == "mention":
                assert item.rule is not None
                holds = not _standing_elsewhere(item, items, i, words) and not _otherwise(item.rule, items, i, words)
                labels = item.rule.labels if holds else ()
                resolved[i] = Mention("mention", item.start, item.end, labels, item.rule.status, item.end, i)
            elif item.kind == "axis":
                resolved[i] = self._axis_mention(item, i, words)
            elif item.kind == "sign" and i not in resolved:
                resolved[i] = Mention("mention", item.start, item.end, (), "present", item.end, i)
        return [resolved.get(i) or item for i, item in enumerate(items)]

    def _axis_mention(self, item: Item, group: int, words: Sequence[str]) -> Mention | None:
        assert self._axis is not None
        place, sign = item.end, 1
        while place < len(words) and words[place] in self._axis_fillers:
            sign = -1 if words[place] == "minus" else sign
            place += 1
        if place == len(words) or not (degrees := _number(words[place])):
            return None
        labels = _labels_at(self._axis, sign * degrees)
        return Mention("mention", item.start, place + 1, labels, "present", place + 1, group)


def _labels_at(axis: Axis, degrees: int) -> tuple[str, ...]:
    return tuple(label for r in axis.ranges if r.above < degrees < r.below for label in r.labels)


def _number(word: str) -> int:
    digits = word.lstrip("+-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 3 and len(word) - len(digits) <= 1):
        return 0
    return -int(digits) if word[0] == "-" else int(digits)


def _standing_elsewhere(item: Item, items: Sequence[Item], i: int, words: Sequence[str]) -> bool:
    """Whether a term that must stand alone does not: "ST 112" and "SB, LVH" do, "ST segment" and "V1 ST" do not."""
    assert item.rule is not None
    if not item.rule.standalone:
        return False
    begins = item.start == 0 or (i > 0 and items[i - 1].end == item.start and items[i - 1].kind in _ENDS_ITEM)
    if not begins or item.end == len(words):
        return not begins
    if i + 1 < len(items) and items[i + 1].start == item.end:
        return items[i + 1].kind not in _ENDS_ITEM
    following = item.end + (words[item.end] in ("at", "rate") and item.end + 1 < len(words))
    return not SLOWEST <= _number(words[following]) <= FASTEST


def _otherwise(rule: Rule, items: Sequence[Item], i: int, words: Sequence[str]) -> bool:
    """Whether a word in the same clause gives the term its other meaning."""
    if not rule.unless:
        return False
    start = next((item.end for item in reversed(items[:i]) if item.kind in ("comma", "stop")), 0)
    end = next((item.start for item in items[i + 1 :] if item.kind in ("comma", "stop")), len(words))
    return not set(words[start:end]).isdisjoint(rule.unless)


def _compounds(items: Sequence[Item]) -> Iterator[tuple[int, Mention | None]]:
    """Find the parts that belong to a head: before it, after it, or lent by a sign to a head that is only suspected."""
    lent: list[int] = []
    suspected = False
    i = 0
    while i < len(items):
        item = items[i]
        if item.kind in ("part", "sign"):
            parts, end = _run(items, i)
            if end < len(items) and items[end].kind == "head" and items[end].compound == item.compound:
                yield from _joined(items, parts, items[end])
                i = end + 1
                continue
            if any(items[k].kind == "sign" for k in range(i, end)):
                lent = parts
            i = max(end, i + 1)
            continue
        if item.kind == "hedge":
            suspected = True
        elif item.kind in ("stop", "clause"):
            suspected, lent = False, []
        elif item.kind == "head" and item.rule is not None:
            after = _parts_after(items, i)
            if item.rule.labels:
                yield i, Mention("mention", item.start, item.end, item.rule.labels, item.rule.status, item.end, i)
            elif after:
                yield from _joined(items, after, item)
                i = after[-1] + 1
                continue
            elif lent and suspected:
                for part in lent:
                    rule = items[part].rule
                    if rule is not None and rule.labels:
                        at = items[part]
                        yield part, Mention("mention", at.start, at.end, rule.labels, "uncertain", at.end, i)
                yield i, Mention("mention", item.start, item.end, (), "present", item.end, i)
            else:
                yield i, Mention("mention", item.start, item.end, (), "present", item.end, i)
        i += 1


def _run(items: Sequence[Item], start: int) -> tuple[list[int], int]:
    """Follow parts and what may stand among them; give the parts' places and the place of the first other item.

    A comma only joins parts when an "and" or "or" does so later: "anterior, inferior and lateral infarcts".
    """
    parts: list[int] = []
    since_comma: list[int] = []
    listed = True
    i = start
    while i < len(items) and items[i].kind in _WITHIN and (i == start or items[i].start == items[i - 1].end):
        if items[i].kind == "part":
            parts.append(i)
            since_comma.append(i)
        elif items[i].kind == "comma":
            listed, since_comma = False, []
        elif items[i].kind in ("and", "or"):
            listed = True
        i += 1
    if i < len(items) and i > start and items[i].start != items[i - 1].end:
        return parts, i if items[i].kind != "head" else i - 1  # other words stand before the head
    return (parts if listed else since_comma), i


def _joined(items: Sequence[Item], parts: Sequence[int], head: Item) -> Iterator[tuple[int, Mention]]:
    assert head.rule is not None
    for place in parts:
        part = items[place]
        assert part.rule is not None
        shown_end = head.end if place == parts[-1] and head.end > part.end else part.end
        status = head.rule.status if head.rule.status != "present" else part.rule.status
        yield place, Mention("mention", part.start, part.end, part.rule.labels, status, shown_end, head.start)


def _parts_after(items: Sequence[Item], head: int) -> list[int]:
    """Find the parts a head is followed by ("infarct, inferior"), unless those describe something else again."""
    i = head + 1
    while i < len(items) and items[i].kind in _AFTER_HEAD and items[i].start == items[i - 1].end:
        i += 1
    if i == len(items) or items[i].kind != "part" or items[i].start != items[i - 1].end:
        return []
    parts, end = _run(items, i)
    if any(items[k].kind == "sign" for k in range(i, end)) or (end < len(items) and items[end].kind == "head"):
        return []
    return parts
