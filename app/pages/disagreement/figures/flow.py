"""What was read instead, as streams: from the labels that were removed to those that were added in the same ECGs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.kit.database import Json
from app.pages.disagreement.figures.drawing import Drawing

NOTHING = "nothing"
TALL, GAP, LEAST = 420.0, 5.0, 14.0
"""How tall the streams are together, what is between two labels, and the least that a label's name needs."""


@dataclass(frozen=True)
class Stream:
    """ECGs in which one label was removed and another added; either may be nothing."""

    removed: str
    added: str
    pairs: int


def streams(answer: Json) -> list[Stream]:
    """Return the streams of an answer (`schemas.Flow`). An ECG with two labels on a side is in two of them."""
    found = [
        Stream(row["label"], other["label"], other["pairs"]) for row in answer["removed"] for other in row["others"]
    ]
    found += [Stream(row["label"], NOTHING, row["alone"]) for row in answer["removed"]]
    found += [Stream(NOTHING, row["label"], row["alone"]) for row in answer["added"]]
    return [stream for stream in found if stream.pairs]


def picture(
    every: Sequence[Stream],
    names: dict[str, str],
    address: Callable[[Stream], str | None],
    *,
    width: float = 1120,
    alone: bool = False,
) -> Drawing:
    """Return the streams as a picture: on the left what was removed, on the right what was added.

    Those from and to nothing are not drawn: they are most, and would hide the others.
    """
    drawing = Drawing(width, alone=alone)
    shown = [stream for stream in every if NOTHING not in (stream.removed, stream.added)]
    left = _nodes([(stream.removed, stream.pairs) for stream in shown])
    right = _nodes([(stream.added, stream.pairs) for stream in shown])
    together = sum(stream.pairs for stream in shown)
    scale = TALL / together if together else 0
    top = 34.0
    margin = 250.0 if width > 600 else 112.0
    x1, x2 = margin, width - margin
    drawing.text("strong", x1, 16, "Removed by the expert" if width > 600 else "Removed", anchor="end")
    drawing.text("strong", x2, 16, "Added by the expert" if width > 600 else "Added")
    starts, ends = _places(left, scale, top), _places(right, scale, top)
    order_left, order_right = list(left), list(right)
    for stream in sorted(shown, key=lambda each: (order_left.index(each.removed), order_right.index(each.added))):
        tall = stream.pairs * scale
        a, b = starts[stream.removed], ends[stream.added]
        with drawing.about(words(stream, names), address(stream)):
            drawing.ribbon("stream", (x1 + 8, a, a + tall), (x2 - 8, b, b + tall))
        starts[stream.removed] += tall
        ends[stream.added] += tall
    for nodes, x, side in ((left, x1, "removed"), (right, x2 - 8, "added")):
        places = _places(nodes, scale, top)
        for key, pairs in nodes.items():
            y, tall = places[key], pairs * scale
            drawing.rect(side, (x, y), (8, max(1.0, tall)))
            name = names[key]
            if width <= 600 and len(name) > 15:
                name = f"{name[:14]}…"
            is_left = side == "removed"
            drawing.text(
                "ink" if width > 600 else "small",
                x - 6 if is_left else x + 14,
                y + max(tall, LEAST) / 2 + 4,
                f"{name} {pairs:,}" if width > 600 else name,
                anchor="end" if is_left else "start",
            )
    if not shown:
        drawing.text("small", width / 2, top + 20, "No label was removed where another was added.", anchor="middle")
    drawing.height = top + max(
        40.0, *(sum(max(pairs * scale, LEAST) + GAP for pairs in nodes.values()) for nodes in (left, right))
    )
    return drawing


def words(stream: Stream, names: dict[str, str]) -> str:
    """Return what a stream is, in words."""
    if stream.removed == NOTHING:
        return f"{stream.pairs:,} ECGs: {names[stream.added]} added, nothing removed"
    if stream.added == NOTHING:
        return f"{stream.pairs:,} ECGs: {names[stream.removed]} removed, nothing added"
    return f"{stream.pairs:,} ECGs: {names[stream.removed]} removed and {names[stream.added]} added"


def _nodes(parts: Sequence[tuple[str, int]]) -> dict[str, int]:
    """Return the sums of one side, the largest first."""
    sums: dict[str, int] = {}
    for key, pairs in parts:
        sums[key] = sums.get(key, 0) + pairs
    return dict(sorted(sums.items(), key=lambda item: (-item[1], item[0])))


def _places(nodes: dict[str, int], scale: float, top: float) -> dict[str, float]:
    """Return where each node begins. Small ones are kept as far apart as their names need."""
    places, y = {}, top
    for key, pairs in nodes.items():
        places[key] = y
        y += max(pairs * scale, LEAST) + GAP
    return places
