"""Items to mentions: which labels a statement names, before it is asked whether it asserts them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ml.labeling.findings import Status
from ml.labeling.lexicon import Item, Lexicon
from ml.labeling.terms import words_in
from ml.labeling.vocabulary import Axis, Rule, Vocabulary

CLAUSE = 25  # words on either side in which another word changes what an abbreviation means
SLOWEST, FASTEST = 25, 350  # beats per minute: what can follow a rhythm that stands alone ("ST 112")
AGED = ("open", "age", "close")
_COMPOUND = frozenset({"head", "part", "sign"})
_WITHIN = frozenset(
    {"part", "age", "filler", "and", "or", "versus", "slash", "hedge", "negation", "clause", "comma", "sign", "colon"}
)
_AFTER_HEAD = frozenset({"age", "filler", "comma", "open", "colon", "hedge"})
_ENDS_ITEM = frozenset({"comma", "stop", "slash", "close", "colon", "becomes", "box_no", "box_yes"})
_BEGINS_ITEM = _ENDS_ITEM | {"and", "clause"}


class Mention(NamedTuple):
    """Labels named by words `start` to `end`; `shown_start` and `shown_end` are where its words stand for a reader.

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
    shown_start: int


def _mention(start: int, end: int, labels: tuple[str, ...] = (), status: Status = "present") -> Mention:
    """Return a mention whose words are all its own."""
    return Mention("mention", start, end, labels, status, end, start, start)


class Mentions:
    """Finds the mentions of a vocabulary's labels among items."""

    def __init__(self, vocabulary: Vocabulary, lexicon: Lexicon) -> None:
        self._axis = vocabulary.axis
        self._axis_fillers = words_in(vocabulary.axis.fillers.all()) if vocabulary.axis else set()
        self._lexicon = lexicon

    def resolve(self, items: Sequence[Item], words: Sequence[str]) -> list[Item | Mention]:
        """Replace rules, compounds and axis values by mentions; what mentions nothing stays as it is."""
        kinds = {item.kind for item in items}
        resolved: list[Item | Mention] = list(items)
        for i, item in enumerate(items):
            kind, start, end, rule, _ = item
            if kind == "mention":
                assert rule is not None
                elsewhere = rule.standalone and _standing_elsewhere(item, items, i, words)
                labels = () if elsewhere or (rule.unless and _otherwise(rule, items, i, words)) else rule.labels
                resolved[i] = _mention(start, end, labels, rule.status)
            elif kind in ("axis", "axes"):
                resolved[i] = self._axis_mention(item, words) or item
            elif kind == "sign":
                resolved[i] = _mention(start, end)
        if not kinds.isdisjoint(_COMPOUND):
            for i, mention in _compounds(items, words):
                resolved[i] = mention
        return resolved

    def _axis_mention(self, item: Item, words: Sequence[str]) -> Mention | None:
        assert self._axis is not None
        place, sign = item.end, 1
        while place < len(words) and words[place] in self._axis_fillers:
            sign = -1 if words[place] == "minus" else sign
            place += 1
        if item.kind == "axes":
            values = [i for i in range(place, min(place + 5, len(words))) if words[i] != ","][:3]
            if len(values) < 3 or not all(words[i].lstrip("+-").isdigit() for i in values):
                return None
            place = values[1]
        if place == len(words) or not (degrees := _number(words[place])):
            return None
        labels = _labels_at(self._axis, sign * degrees)
        return _mention(item.start, place + 1, labels)


def _labels_at(axis: Axis, degrees: int) -> tuple[str, ...]:
    return tuple(label for r in axis.ranges if r.above < degrees < r.below for label in r.labels)


def _number(word: str) -> int:
    digits = word.lstrip("+-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 3 and len(word) - len(digits) <= 1):
        return 0
    return -int(digits) if word[0] == "-" else int(digits)


def _standing_elsewhere(item: Item, items: Sequence[Item], i: int, words: Sequence[str]) -> bool:
    """Whether a term that must stand alone does not: "ST 112" and "SB, LVH" do, "ST segment" and "V1 ST" do not."""
    begins = item.start == 0 or (i > 0 and items[i - 1].end == item.start and items[i - 1].kind in _BEGINS_ITEM)
    if not begins or item.end == len(words):
        return not begins
    if i + 1 < len(items) and items[i + 1].start == item.end:
        return items[i + 1].kind not in _ENDS_ITEM
    following = item.end + (words[item.end] in ("at", "rate") and item.end + 1 < len(words))
    return not SLOWEST <= _number(words[following]) <= FASTEST


def _otherwise(rule: Rule, items: Sequence[Item], i: int, words: Sequence[str]) -> bool:
    """Whether a word in the same clause gives the term its other meaning."""
    start, end = max(0, items[i].start - CLAUSE), items[i].end + CLAUSE
    for item in items[max(0, i - CLAUSE) : i + CLAUSE]:
        if item.kind in ("comma", "stop"):
            if item.end <= items[i].start:
                start = max(start, item.end)
            else:
                end = min(end, item.start)
    return not set(words[start:end]).isdisjoint(rule.unless)


def _compounds(items: Sequence[Item], words: Sequence[str]) -> Iterator[tuple[int, Mention]]:
    """Find the parts that belong to a head: before it, after it, or lent by a sign to a head that is only suspected."""
    lent: list[int] = []
    suspected = False
    head: Item | None = None
    i = 0
    while i < len(items):
        item = items[i]
        if item.kind in ("part", "sign"):
            run = _run(items, i)
            if run.parts and run.end < len(items) and items[run.end].kind == "head":
                head = items[run.end]
                yield from _joined(items, run.parts, head)
                i = run.end + 1
            elif head is not None and (left := _left_out(items, i, run.end, words)):
                yield from _lent(items, left, items[left[0]].start)
                i = run.end
            else:
                lent = _beside_sign(items, i, run.end) or lent
                suspected = suspected or any(items[k].kind == "hedge" for k in range(i, run.end))
                i = max(run.end, i + 1)
            continue
        if item.kind == "hedge":
            suspected = True
        elif item.kind in ("stop", "clause"):
            suspected, lent = False, []
        elif item.kind == "head":
            assert item.rule is not None
            head = item
            if after := _parts_after(items, i):
                yield from _joined(items, after, item)
                if (
                    items[after[0] - 1].kind == "open"
                ):  # "infarct (inferior) possible": what follows is said of the head
                    yield i, _mention(item.start, item.end)
                i = after[-1]
            else:
                yield i, _mention(item.start, item.end, item.rule.labels, item.rule.status)
                if lent and not _denied(items, i) and (suspected or _suspected_after(items, i)):
                    yield from _lent(items, lent, item.start, item.end)
        i += 1


class _Run(NamedTuple):
    """Parts and signs in a row: the parts' places, the place of the first item after them, whether a sign is there."""

    parts: list[int]
    end: int
    signed: bool


def _run(items: Sequence[Item], start: int) -> _Run:
    """Follow parts and what may stand among them.

    A comma only joins parts when an "and" or "or" does so later ("anterior, inferior and lateral infarcts") or nothing
    else is there that the first could belong to ("old inferior, lateral MI"). A head that other words stand before is
    not reached.
    """
    parts: list[int] = []
    since_comma: list[int] = []  # or since a sign: the parts before that are the sign's
    listed, signed = True, False
    bare = _stands_bare(items, start)
    i = start
    while i < len(items) and items[i].kind in _WITHIN and (i == start or items[i].start == items[i - 1].end):
        kind = items[i].kind
        if kind == "part":
            parts.append(i)
            since_comma.append(i)
        elif kind == "comma":
            listed, since_comma = bare, []
        elif kind == "sign":
            signed, since_comma = True, []
        elif kind in ("and", "or"):
            listed = True
        i += 1
        if _aged(items, i):
            i += len(AGED)
    if i > start and items[i - 1].kind == "comma":
        listed, since_comma = True, parts  # "inferior, possibly posterior, infarct"
    reached = i < len(items) and items[i].start == items[i - 1].end
    return _Run((parts if listed and not signed else since_comma) if reached else [], i, signed)


def _aged(items: Sequence[Item], i: int) -> bool:
    """Whether an age in brackets stands at a place: "infarcts: inferior (old), anterior (recent)"."""
    return tuple(item.kind for item in items[i : i + len(AGED)]) == AGED


def _stands_bare(items: Sequence[Item], start: int) -> bool:
    """Whether a part begins its clause, or follows an age or a cue that does."""
    i = start
    while i > 0 and items[i - 1].end == items[i].start and items[i - 1].kind in ("age", "hedge", "negation", "clause"):
        i -= 1
    begins = i > 0 and items[i - 1].end == items[i].start and items[i - 1].kind in ("comma", "stop", "colon")
    return items[i].start == 0 or begins


def _beside_sign(items: Sequence[Item], start: int, end: int) -> list[int]:
    """Return the parts of a run that stand beside a sign, with no comma between them."""
    stretch: list[int] = []
    for i in range(start, end):
        if items[i].kind == "comma":
            if any(items[k].kind == "sign" for k in stretch):
                break
            stretch = []
        else:
            stretch.append(i)
    signed = any(items[k].kind == "sign" for k in stretch)
    return [k for k in stretch if items[k].kind == "part"] if signed else []


def _denied(items: Sequence[Item], head: int) -> bool:
    """Whether a denial stands right before a head: "inferior Q waves, likely from LAFB rather than infarction"."""
    before = items[head - 1] if head > 0 else None
    return before is not None and before.kind in ("negation", "contrast") and before.end == items[head].start


def _suspected_after(items: Sequence[Item], head: int) -> bool:
    i = head + 1
    while i < len(items) and items[i].kind == "neutral" and items[i].start == items[i - 1].end:
        i += 1  # "infarct cannot be excluded": the two say it together
    return i < len(items) and items[i].kind == "hedge_after" and items[i].start == items[i - 1].end


def _left_out(items: Sequence[Item], start: int, end: int, words: Sequence[str]) -> list[int]:
    """Return a clause's last parts, behind a hedge, whose head stood before: "infarct, cannot exclude posterior"."""
    hedged = start > 0 and items[start - 1].kind == "hedge" and items[start - 1].end == items[start].start
    if not hedged or any(items[k].kind not in ("part", "and", "or", "age", "filler") for k in range(start, end)):
        return []
    past = items[end - 1].end
    ends = past == len(words) or words[past] in ".,)"
    return [k for k in range(start, end) if items[k].kind == "part"] if ends else []


def _lent(items: Sequence[Item], parts: Sequence[int], group: int, shown_end: int = 0) -> Iterator[tuple[int, Mention]]:
    for place in parts:
        _, start, end, rule, _ = items[place]
        assert rule is not None
        yield place, Mention("mention", start, end, rule.labels, "uncertain", max(end, shown_end), group, start)


def _joined(items: Sequence[Item], parts: Sequence[int], head: Item) -> Iterator[tuple[int, Mention]]:
    assert head.rule is not None
    for place in parts:
        _, start, end, rule, _ = items[place]
        assert rule is not None
        status = head.rule.status if head.rule.status != "present" else rule.status
        shown_start, shown_end = min(start, head.start), max(end, head.end)
        yield place, Mention("mention", start, end, rule.labels, status, shown_end, head.start, shown_start)


def _begins_with(items: Sequence[Item], head: int) -> bool:
    """Whether a head has a part right behind it: the second of "MI inferior, MI anterior"."""
    after = items[head + 1] if head + 1 < len(items) else None
    return after is not None and after.kind == "part" and after.start == items[head].end


def _parts_after(items: Sequence[Item], head: int) -> list[int]:
    """Find the parts a head is followed by ("infarct, inferior"), unless those describe something else again."""
    i = head + 1
    while i < len(items) and items[i].kind in _AFTER_HEAD and items[i].start == items[i - 1].end:
        i += 1
    if i == len(items) or items[i].kind != "part" or items[i].start != items[i - 1].end:
        return []
    run = _run(items, i)
    if run.signed or (run.end < len(items) and items[run.end].kind == "head" and not _begins_with(items, run.end)):
        return []
    return [k for k in range(i, run.end) if items[k].kind == "part"]
