"""Where a sentence that lists findings comes apart into statements: "NSR, LAD, otherwise normal"."""

from collections.abc import Sequence

from ml.labeling.lexicon import Item
from ml.labeling.mentions import Mention


def cuts(items: Sequence[Item | Mention], reaches: Sequence[tuple[int, int]]) -> list[int]:
    """Return the words that are commas between two complete statements.

    A finding must stand before the comma and another right behind it, and nothing may reach across: no finding's own
    words and no cue's hold on one, so that each statement read alone says what it said in its sentence. `reaches` are
    the first and last word (exclusive) of every labelled finding together with the cue that decided it.
    """
    held = {word for start, end in reaches for word in range(start, end)}
    found: list[int] = []
    depth = 0
    finding = False
    for i, item in enumerate(items):
        depth += (item.kind == "open") - (item.kind == "close")
        if isinstance(item, Mention):
            finding = True
        elif item.kind == "comma" and depth == 0 and finding and _begins_finding(items, i):
            finding = item.start in held
            if not finding:
                found.append(item.start)
    return found


def _begins_finding(items: Sequence[Item | Mention], comma: int) -> bool:
    for i in range(comma + 1, len(items)):
        if items[i].start != items[i - 1].end:
            return False
        if items[i].kind != "age":
            following = items[i]
            groups = {item.group for item in items[max(0, comma - 8) : comma] if isinstance(item, Mention)}
            return isinstance(following, Mention) and following.group not in groups
    return False
