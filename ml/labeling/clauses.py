"""Where an item stands in its clause: at its end, in a list, in brackets."""

from collections.abc import Sequence

from ml.labeling.lexicon import Item
from ml.labeling.mentions import Mention

OPENING = frozenset({"comma", "stop", "clause", "and", "open", "colon"})  # a clause begins behind them
# kinds of item that are looked through
THROUGH = frozenset({"age", "filler", "neutral", "unchanged", "part", "head"})
ASIDE = 8  # words between the commas of an aside
_PREDICATES = frozenset({"hedge_after", "negation_after", "withheld_after", "correction_after", "affirmation"})


def opens_clause(items: Sequence[Item | Mention], place: int) -> bool:
    """Whether a cue stands where a clause begins: "on the prior tracing LBBB", "AF, in the last ECG sinus rhythm"."""
    start = items[place].start
    return start == 0 or (place > 0 and items[place - 1].end == start and items[place - 1].kind in OPENING)


def mentions_after(items: Sequence[Item | Mention], place: int) -> bool:
    """Whether a finding follows in the same clause."""
    for item in items[place + 1 :]:
        if isinstance(item, Mention):
            return True
        if item.kind in ("comma", "stop", "clause", "close"):
            return False
    return False


def followed_by_clause(items: Sequence[Item | Mention], place: int) -> bool:
    """Whether a mention is followed by a new clause or by what affirms it."""
    following = items[place + 1] if place + 1 < len(items) else None
    return following is not None and following.kind in ("clause", "affirmation")


def within_compound(items: Sequence[Item | Mention], mention: Mention, comma: int) -> bool:
    """Whether a comma stands within a mention's own compound: "infarct, inferior", "inferior, anterior and lateral"."""
    if mention.group <= items[comma].start:
        return mention.group != mention.start
    before = items[comma - 1] if comma > 0 else None
    return isinstance(before, Mention) and before.group == mention.group


def closed_list(items: Sequence[Item | Mention], comma: int) -> str:
    """Return what closes the list of bare findings in which a comma stands: "or", "and", "bare" (nothing does), or "".

    "" is no such list: another finding has a predicate or a cue of its own ("no LVH, RBBB present").
    """
    closed = "bare"
    for i in range(comma + 1, len(items)):
        item = items[i]
        if item.kind in ("or", "versus"):
            return "or" if next_mention(items, i) is not None or followed_by_word(items, i) else ""
        if item.start != items[i - 1].end:
            break
        if item.kind == "and":
            closed = "and"
        elif item.kind in ("stop", "clause", "close"):
            break
        elif not (isinstance(item, Mention) or item.kind in THROUGH or item.kind == "comma"):
            return ""
    return closed


def followed_by_word(items: Sequence[Item | Mention], place: int) -> bool:
    """Whether a word that is in no term stands right behind an item: "no AF, flutter or AT"."""
    return place + 1 < len(items) and items[place + 1].start > items[place].end


def opens_list(items: Sequence[Item | Mention], negation: int) -> bool:
    """Whether a negation opens a clause and has a list of findings behind it."""
    start = items[negation].start
    behind = items[negation - 1] if negation > 0 else None
    return start == 0 or (behind is not None and behind.end == start and behind.kind in ("stop", "clause", "colon"))


def contrasted(items: Sequence[Item | Mention], place: int) -> bool:
    """Whether "not Y" follows a mention in its clause: "AF, not sinus"."""
    for i in range(place + 1, len(items)):
        item = items[i]
        if item.kind == "contrast":
            return items[i - 1].kind in ("comma", "and") and items[i - 1].end == item.start
        if item.kind in ("stop", "clause", "correction"):
            return False
    return False


def next_mention(items: Sequence[Item | Mention], place: int) -> Mention | None:
    """Return the mention that follows a place with nothing but looked-through items between, or None."""
    for item in items[place + 1 :]:
        if isinstance(item, Mention):
            return item
        if item.kind not in THROUGH:
            return None
    return None


def is_bare(items: Sequence[Item | Mention], place: int) -> bool:
    """Whether nothing but marks and ages stands between a mention and the comma before it."""
    i = place
    while i > 0 and items[i - 1].end == items[i].start:
        i -= 1
        if items[i].kind == "comma":
            return True
        if items[i].kind not in THROUGH and not isinstance(items[i], Mention):
            return False
    return False


def ends_clause(items: Sequence[Item | Mention], place: int, length: int) -> bool:
    """Whether an item ends its clause; the sentence has `length` words."""
    end = items[place].end
    if end == length:
        return True
    following = items[place + 1] if place + 1 < len(items) else None
    return (
        following is not None
        and following.start == end
        and following.kind in ("comma", "close", "stop", "open", "clause")
    )


def hedges_age(items: Sequence[Item | Mention], hedge: int) -> bool:
    """Whether a hedge, perhaps abbreviated, stands before how old something is: "infarct prob. old"."""
    i = hedge + 1
    if i < len(items) and items[i].kind == "stop" and items[i].start == items[hedge].end:
        i += 1
    return i < len(items) and items[i].kind == "age" and items[i].start == items[i - 1].end


def opening_of(items: Sequence[Item | Mention], close: int) -> int:
    """Return the place of the bracket that opens what a bracket closes."""
    for i in range(close - 1, -1, -1):
        if items[i].kind == "open":
            return i
    return 0


def closing_of(items: Sequence[Item | Mention], opening: int) -> int:
    """Return the place of the bracket that closes what a bracket opens."""
    for i in range(opening + 1, len(items)):
        if items[i].kind == "close":
            return i
    return len(items)


def closes_aside(items: Sequence[Item | Mention], close: int, mention: Mention) -> bool:
    """Whether brackets around a mention stand behind another finding: "LVH (RBBB)", but not "infarct (inferior)"."""
    before = items[: opening_of(items, close)]
    own = bool(before) and isinstance(before[-1], Mention) and before[-1].group == mention.group
    return not own and any(isinstance(item, Mention) for item in before)


def past_aside(items: Sequence[Item | Mention], comma: int) -> int | None:
    """Return the comma that closes an aside before a predicate: "RVH, I think, is possible"; None where none does."""
    for i in range(comma + 1, len(items)):
        item = items[i]
        if item.start - items[comma].end > ASIDE or item.kind in ("stop", "clause") or _is_labelled(item):
            return None
        if item.kind == "comma":
            after = items[i + 1] if i + 1 < len(items) else None
            is_predicate = after is not None and after.start == item.end and after.kind in _PREDICATES
            return i if is_predicate and item.start > items[comma].end else None
    return None


def before_aside(items: Sequence[Item | Mention], comma: int) -> int | None:
    """Return the comma behind a hedge that opens its clause, before an aside: "Possible, given the Qs, infarct"."""
    for i in range(comma - 1, 0, -1):
        item = items[i]
        if items[comma].start - item.end > ASIDE or item.kind in ("stop", "clause") or _is_labelled(item):
            return None
        if item.kind == "comma":
            hedge = items[i - 1]
            opens = hedge.kind == "hedge" and hedge.end == item.start and opens_clause(items, i - 1)
            return i if opens else None
    return None


def _is_labelled(item: Item | Mention) -> bool:
    return isinstance(item, Mention) and bool(item.labels)
