"""What the cues around a mention say of it: how far each reaches, and which one decides.

The reach is that of the label policy, sections 3 to 6; the vocabulary file describes the kinds of cue.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from ml.labeling.clauses import (
    THROUGH,
    before_aside,
    closes_aside,
    closing_of,
    contrasted,
    ends_clause,
    followed_by_clause,
    hedges_age,
    is_bare,
    mentions_after,
    next_mention,
    opening_of,
    opens_clause,
    past_aside,
    within_compound,
)
from ml.labeling.cues import AFTER, ASIDE, BARS, BEFORE, LISTING, LOOKS_BACK, ORDER, Cue
from ml.labeling.findings import Status
from ml.labeling.lexicon import Item
from ml.labeling.mentions import Mention
from ml.labeling.way import JOINS, Way

REACH = 12  # words between a cue and the finding before or after it
WINDOW = 40  # items looked at on either side: a statement without end must not cost time without end


class Decision(NamedTuple):
    """A mention's status (None: nothing is said), the cue behind it, and whether it corrects another reading."""

    status: Status | None
    cue: Cue | None
    corrects: bool = False


class Traits(NamedTuple):
    """The labels that name a shape of the QRS, those that a normal heart may have, and the rhythms."""

    shapes: frozenset[str] = frozenset()
    variants: frozenset[str] = frozenset()
    rhythms: frozenset[str] = frozenset()


def decide(items: Sequence[Item | Mention], place: int, length: int, traits: Traits) -> Decision:
    """Decide what a statement of `length` words says of the mention at a place among its items."""
    first = max(0, place - WINDOW)
    items, place = items[first : place + WINDOW + 1], place - first
    mention = items[place]
    assert isinstance(mention, Mention)
    if elsewhere := _elsewhere(items, place):
        return Decision(None, elsewhere)
    behind = _behind(items, place, length)
    ahead = _ahead(items, place, traits.shapes.issuperset(mention.labels))
    if traits.variants.issuperset(mention.labels) and (variant := _variant(items, place)):
        behind.append(variant)
    if any(cue.kind == "affirmation" for cue in behind):
        past = ("historical", "past_reading")
        ahead = [cue for cue in ahead if cue.kind not in past and cue.over != "and"]
        behind = [cue for cue in behind if cue.kind != "historical_after"]
    if contrasted(items, place):
        ahead = [cue for cue in ahead if cue.kind != "correction"]
    if mention.status == "negated" and not any(cue.kind == "correction" for cue in ahead):
        return Decision("negated", None)
    cues = [*ahead, *behind]
    for kind, status in ORDER:
        for cue in cues:
            if cue.kind == kind:
                return Decision(status, cue, kind.startswith("correction"))
    alternative = _alternative(items, place)
    if alternative is None and traits.rhythms.issuperset(mention.labels):
        alternative = _other_rhythm(items, place, traits.rhythms)
    if alternative and not _unchanged(items, place):
        return Decision("uncertain", alternative)
    return Decision(mention.status, None)


def _ahead(items: Sequence[Item | Mention], place: int, is_shape: bool) -> list[Cue]:
    """Collect the cues before a mention that reach it, walking back to the start of its clause."""
    mention = items[place]
    assert isinstance(mention, Mention)
    found: list[Cue] = []
    way = Way()
    listed = False  # another finding stands before it in a list
    nearest = place  # the last finding that was passed
    i = place - 1
    while i >= 0:
        item = items[i]
        if item.kind in BEFORE:
            kind = way.said_by(item.kind, is_shape)
            if way.lists_for(items, i):
                way.comma = False
            elif listed and kind not in LISTING:
                break
            if kind == "neutral":
                pass
            elif way.lets(kind, is_bare(items, place)):
                if mention.start - item.end <= REACH * (1 + way.finding):
                    found.append(Cue(kind, item.start, item.end, way.over))
            elif kind in ("hedge", "negation", "historical", "replaced"):
                break
        elif item.kind == ASIDE and opens_clause(items, i):
            if way.lets("historical", bare=False) and mention.start - item.end <= REACH * (1 + way.finding):
                found.append(Cue("historical", item.start, item.end, way.over))
            break
        elif item.kind in BARS or (item.kind == "open" and not _opened_by_cue(items, i)):
            break
        elif isinstance(item, Mention):
            if item.group != mention.group:
                if found:
                    break
                if not (way.joined or way.attached):
                    if not is_bare(items, nearest) or followed_by_clause(items, place):
                        break
                    listed = True
                way.finding, way.joined = True, False
                nearest = i
        elif item.kind == "comma" and within_compound(items, mention, i):
            pass
        elif item.kind == "close":
            i = opening_of(items, i)
        elif item.kind == "comma" and not way.comma and (hedged := before_aside(items, i)):
            i = hedged
        else:
            way.cross(items, i)
        i -= 1
    return found


def _opened_by_cue(items: Sequence[Item | Mention], opening: int) -> bool:
    """Whether a cue stands right before a bracket: "possible (inferior) infarct"."""
    before = items[opening - 1] if opening > 0 else None
    return before is not None and before.kind in BEFORE and before.end == items[opening].start


def _behind(items: Sequence[Item | Mention], place: int, length: int) -> list[Cue]:
    """Find the first cue after a mention that looks back to it: in its clause, or right behind the mark ending it."""
    mention = items[place]
    assert isinstance(mention, Mention)
    position = mention.end
    joined = after_mark = False
    past: list[Cue] = []  # "LBBB, seen before, is no longer present"
    i = place + 1
    while i < len(items):
        item = items[i]
        if item.start - position > (0 if after_mark else REACH // 2):
            break
        if item.kind in ("hedge", "hedge_after") and hedges_age(items, i):
            break
        if item.kind == ASIDE and opens_clause(items, i) and mentions_after(items, i):
            break
        if item.kind in ("historical_after", ASIDE) and not past:
            past = [Cue("historical_after", item.start, item.end)]
            position = item.end
            i += 1
            continue
        if item.kind in AFTER or item.kind == "affirmation":
            return [*past, Cue(item.kind, item.start, item.end)]
        if item.kind == "becomes" or (item.kind == "to" and item.start == mention.end):
            if (later := next_mention(items, i)) and later.start == item.end and later.labels:
                return [*past, Cue("historical_after", item.start, item.end)]
            if later is not None or item.kind == "to":
                break
        if item.kind == "historical" and ends_clause(items, i, length) and not past:
            past = [Cue("historical_after", item.start, item.end)]
            position = item.end
            i += 1
            continue
        if item.kind in LOOKS_BACK and ends_clause(items, i, length):
            return [*past, Cue(LOOKS_BACK[item.kind], item.start, item.end)]
        if item.kind in BEFORE or item.kind in ("stop", "clause"):
            break
        if item.kind == "open":
            closing = closing_of(items, i)
            if inside := _alone_within(items, i, closing, length):
                return [*past, inside]
            i = closing
        elif item.kind == "close" and closes_aside(items, i, mention):
            break
        elif isinstance(item, Mention) and item.group != mention.group:
            if not joined:
                break
            joined = False
        elif item.kind in JOINS:
            joined = True
        elif item.kind == "comma" and (closed := past_aside(items, i)):
            i = closed
        after_mark = item.kind in ("comma", "colon") or (after_mark and item.kind in THROUGH)
        position = items[i].end if i < len(items) else length
        i += 1
    return past


def _alternative(items: Sequence[Item | Mention], place: int) -> Cue | None:
    """Find an "or" beside the mention, or a "versus" in its clause with no other finding between."""
    mention = items[place]
    assert isinstance(mention, Mention)
    for step in (1, -1):
        i = place + step
        beside = True
        while 0 <= i < len(items):
            item = items[i]
            gap = item.start - items[i - 1].end if step == 1 else items[i + 1].start - item.end
            beside = beside and gap <= (0 if step == 1 else 1)  # "or an inferior infarct"
            if item.kind == "versus" or (item.kind == "or" and beside):
                return Cue(item.kind, item.start, item.end)
            same = isinstance(item, Mention) and item.group == mention.group
            if not (same or item.kind in THROUGH or item.kind in BEFORE or (item.kind == "attachment" and step == 1)):
                break
            i += step
    return None


def _other_rhythm(items: Sequence[Item | Mention], place: int, rhythms: frozenset[str]) -> Cue | None:
    """Find an "or" or "versus" between a rhythm with what it comes with and another: "flutter with 2:1 block or AF"."""
    behind = items[place + 1 :]
    if not behind or behind[0].kind != "attachment":
        return None
    for item, following in itertools.pairwise(behind):
        if item.kind in ("or", "versus"):
            other = isinstance(following, Mention) and bool(following.labels) and rhythms.issuperset(following.labels)
            return Cue(item.kind, item.start, item.end) if other else None
        if (
            item.kind not in THROUGH
            and item.kind != "attachment"
            and not (isinstance(item, Mention) and not item.labels)
        ):
            return None
    return None


def _elsewhere(items: Sequence[Item | Mention], place: int) -> Cue | None:
    """Find another examination before a mention in its sentence: "Echo yesterday: LVH, RVH"."""
    for item in reversed(items[:place]):
        if item.kind == "elsewhere":
            return Cue(item.kind, item.start, item.end)
        if item.kind in ("stop", "clause"):
            return None
    return None


def _variant(items: Sequence[Item | Mention], place: int) -> Cue | None:
    """Find what says that a finding may be normal, with no other finding between: "LVH, age 22, may be normal"."""
    for item in items[place + 1 :]:
        if item.kind == "variant":
            return Cue("hedge_after", item.start, item.end)
        if isinstance(item, Mention):
            return None
    return None


def _unchanged(items: Sequence[Item | Mention], place: int) -> bool:
    """Whether it is one of several that did not change: "no change in LVH or LBBB"."""
    for item in reversed(items[:place]):
        if item.kind == "unchanged":
            return True
        if not (isinstance(item, Mention) or item.kind in THROUGH or item.kind in ("or", "and", "comma")):
            return False
    return False


def _alone_within(items: Sequence[Item | Mention], opening: int, closing: int, length: int) -> Cue | None:
    """Return a cue that fills its brackets: "inferior infarct (possible)"."""
    if closing != opening + 2 or items[opening + 1].start != items[opening].end:
        return None
    inside = items[opening + 1]
    if inside.end != items[closing].start if closing < len(items) else inside.end != length:
        return None
    kind = LOOKS_BACK.get(inside.kind, inside.kind)
    return Cue(kind, inside.start, inside.end) if kind in AFTER else None
