"""What the pages show of an answer: rows in order, and each number with its words and its address."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from app.disagreement.attributes import GROUPINGS, GroupKey
from app.kit.database import Json
from app.pages.disagreement.figures.table import Row
from app.pages.disagreement.question import Question
from app.pages.disagreement.words import NUMBERS, group_of, name_of

Order = Literal[
    "vocabulary", "machine", "overread", "disagreement", "added", "removed", "added_pct", "removed_pct", "kappa"
]
RateName = Literal["added_pct", "removed_pct", "kappa", "ppv", "sensitivity", "specificity"]

MOST_ROWS = 30
"""Groups of one label that a page shows."""
MOST_CELLS = 300
"""Cells of a matrix that a page shows; the CSV has them all."""
FAR = {"added_pct": 2.0, "removed_pct": 2.0}
"""How many times the whole's rate is far from it; of other rates a difference of `FAR_APART`."""
FAR_APART = 0.1


@dataclass(frozen=True)
class Cell:
    """A number of a matrix. `side` says whether the whole lies outside its interval: `above`, `below`, or neither."""

    words: str
    title: str
    href: str | None
    side: str = ""
    is_far: bool = False


@dataclass(frozen=True)
class Line:
    """A row of a matrix."""

    name: str
    href: str | None
    pairs: int
    cells: list[Cell]


@dataclass(frozen=True)
class Matrix:
    """Numbers by two things. `left_out` groups are not shown, the smallest."""

    corner: str
    columns: list[tuple[str, str | None]]
    lines: list[Line]
    left_out: int


def label_rows(question: Question, table: Json, order: Order) -> list[Row]:
    """Return a row a label."""
    links = question.links
    rows = [
        Row(
            row["name"],
            row,
            links.to("/disagreement/statements", label=row["label"]),
            _changed(question, row["label"], {}),
        )
        for row in table["labels"]
    ]
    return _ordered(rows, order)


def group_rows(question: Question, answer: Json, label: int, order: Order) -> list[Row]:
    """Return a row a group, for one label: the groups with most pairs."""
    rows = []
    groups, _ = _largest(answer["groups"], MOST_ROWS)
    for group in groups:
        numbers = group["labels"][label]
        narrowed = question.links.group(group["group"])
        href = None if narrowed is None else question.links.here({**narrowed, "group_by": None, "label": None})
        changed = _nowhere if narrowed is None else _changed(question, numbers["label"], narrowed)
        rows.append(Row(_group_name(group["group"]), numbers, href, changed))
    return _ordered(rows, order)


def _nowhere(_: str) -> None:
    return None


def _changed(question: Question, label: str, narrowed: dict[str, str]) -> Callable[[str], str | None]:
    """Return what gives the address of the ECGs behind a number of a label."""
    path = f"/disagreement/{label}/ecgs"
    directions = {
        "added": "added", "added_pct": "added", "removed": "removed", "removed_pct": "removed",
        "machine": "machine", "overread": "overread", "both": "agreed",
    }  # fmt: skip

    def to(number: str) -> str | None:
        return question.links.to(path, narrowed, direction=directions.get(number))

    return to


def _ordered(rows: list[Row], order: Order) -> list[Row]:
    if order == "vocabulary":
        return rows

    def key(row: Row) -> tuple[bool, float]:
        value = row.numbers[order]
        return value is None, 0 if value is None else value if order == "kappa" else -value

    return sorted(rows, key=key)


def label_matrix(question: Question, answer: Json, number: RateName) -> Matrix:
    """Return one number of each label, by the groups of one grouping."""
    labels = list(question.labels.items())
    groups, left_out = _largest(answer["groups"], max(5, MOST_CELLS // len(labels)))
    whole = answer["labels"]
    [grouping] = question.asked.group_by
    lines = []
    for group in groups:
        narrowed = question.links.group(group["group"])
        href = None if narrowed is None else question.links.here({**narrowed, "group_by": None})
        cells = [
            _cell(question, f"{_group_name(group['group'])}, {name}", row, of, number=number, narrowed=narrowed)
            for (_, name), row, of in zip(labels, group["labels"], whole, strict=True)
        ]
        lines.append(Line(_group_name(group["group"]), href, group["pairs"], cells))
    columns: list[tuple[str, str | None]] = [(name, question.links.here(label=key)) for key, name in labels]
    return Matrix(name_of(grouping), columns, lines, left_out)


def group_matrix(question: Question, answer: Json, number: RateName, label: int) -> Matrix:
    """Return one number of one label, by the groups of two groupings."""
    first, second = question.asked.group_by
    rows, rows_left = _keys(answer["groups"], first)
    columns, columns_left = _keys(answer["groups"], second)
    by_key = {(group["group"][first], group["group"][second]): group for group in answer["groups"]}
    whole = answer["labels"][label]
    lines = []
    for row in rows:
        cells, pairs = [], 0
        for column in columns:
            group = by_key.get((row, column))
            if group is None:
                cells.append(Cell("", "no pairs", None))
                continue
            pairs += group["pairs"]
            cells.append(
                _cell(
                    question,
                    _group_name(group["group"]),
                    group["labels"][label],
                    whole,
                    number=number,
                    narrowed=question.links.group(group["group"]),
                )
            )
        lines.append(Line(_one_name(first, row), _narrowed(question, first, row), pairs, cells))
    headings = [(_one_name(second, column), _narrowed(question, second, column)) for column in columns]
    return Matrix(f"{name_of(first)} / {name_of(second)}", headings, lines, rows_left + columns_left)


def _narrowed(question: Question, grouping: str, value: GroupKey) -> str | None:
    narrowed = question.links.group({grouping: value})
    if narrowed is None:
        return None
    others = [each for each in question.asked.group_by if each != grouping]
    return question.links.here({**narrowed, "group_by": others})


def _keys(groups: Sequence[Json], grouping: str) -> tuple[list[GroupKey], int]:
    """Return the values of a grouping with most pairs, in order, and how many are left out."""
    pairs: dict[GroupKey, int] = {}
    for group in groups:
        value = group["group"][grouping]
        pairs[value] = pairs.get(value, 0) + group["pairs"]
    most = int(MOST_CELLS**0.5)
    kept = set(sorted(pairs, key=lambda value: -pairs[value])[:most])
    ordered = sorted(kept, key=lambda value: (value is None, value))
    return ordered, len(pairs) - len(kept)


def _largest(groups: Sequence[Json], most: int) -> tuple[list[Json], int]:
    """Return the groups with most pairs, in their order, and how many are left out."""
    kept = sorted(range(len(groups)), key=lambda at: -groups[at]["pairs"])[:most]
    return [groups[at] for at in sorted(kept)], len(groups) - len(kept)


def _cell(
    question: Question, name: str, row: Json, whole: Json, *, number: RateName, narrowed: dict[str, str] | None
) -> Cell:
    value, interval, of_whole = row[number], row[f"{number}_ci"], whole[number]
    about = NUMBERS[number]
    href = None if narrowed is None else _changed(question, row["label"], narrowed)(number)
    if value is None:
        return Cell("–", f"{name}: not defined, {row['machine']:,} called by the machine", href)
    said = f"{name}: {value:.{about.decimals}f}{about.unit}"
    side, is_far = "", False
    if interval is not None:
        said += f" ({interval[0]:.{about.decimals}f} to {interval[1]:.{about.decimals}f})"
        if of_whole is not None and not interval[0] <= of_whole <= interval[1]:
            side = "above" if value > of_whole else "below"
            is_far = _is_far(number, value, of_whole)
    if of_whole is not None:
        said += f"; all groups {of_whole:.{about.decimals}f}{about.unit}"
    said += f"; added {row['added']:,}, removed {row['removed']:,} of {row['machine']:,} machine calls"
    return Cell(f"{value:.{about.decimals}f}".replace("-", "\u2212"), said, href, side, is_far)


def _is_far(number: str, value: float, whole: float) -> bool:
    if number in FAR:
        return value >= FAR[number] * whole or value * FAR[number] <= whole
    return abs(value - whole) >= FAR_APART


def _group_name(group: dict[str, GroupKey]) -> str:
    return ", ".join(_one_name(grouping, value) for grouping, value in group.items())


def _one_name(grouping: str, value: GroupKey) -> str:
    return group_of(grouping, value, GROUPINGS[grouping][1].width)
