"""Disagreement tables as CSV, and for the terminal."""

from collections.abc import Iterable, Iterator, Sequence

from app.disagreement.schemas import LabelRow
from app.disagreement.statistics import LEFT_OUT
from app.kit.database import Json
from ml.documents.csv_text import csv_text

_ROW = [
    column
    for name in LabelRow.model_fields
    for column in ((f"{name}_low", f"{name}_high") if name.endswith("_ci") else (name,))
]


def table_csv(answer: Json, group_by: Sequence[str]) -> str:
    """Return a table as CSV: a line a label, and a line a group and label where it is grouped.

    What is left out is counted by pairs and the same for each label.
    """
    rows = (
        [*(group[name] for name in group_by), *_fields(row), *_left_out(table)]
        for group, table in _parts(answer)
        for row in table["labels"]
    )
    return _csv(answer, [*group_by, *_ROW, *LEFT_OUT], rows)


def trend_csv(answer: Json) -> str:
    """Return a trend as CSV: a line a label and month. What is left out is a month's, the same for each label."""
    left_out = {month["month"]: _left_out(month) for month in answer["months"]}
    rows = (
        [point["month"], *_fields(point), *left_out[point["month"]]]
        for label in answer["labels"]
        for point in label["points"]
    )
    return _csv(answer, ["month", *_ROW, *LEFT_OUT], rows)


def comparison_csv(answer: Json) -> str:
    """Return a comparison as CSV: a line a label, with the rows of both choices and how they differ."""
    rates = [name for name in answer["difference"]["labels"][0] if name not in ("label", "name")]
    columns = [
        column for name in rates for column in ((f"{name}_low", f"{name}_high") if name.endswith("_ci") else (name,))
    ]
    rows = (
        [
            *(a["label"], a["name"], *list(_fields(a))[2:], *list(_fields(b))[2:]),
            *(part for name in rates for part in ((d[name] or (None, None)) if name.endswith("_ci") else (d[name],))),
            *(answer["separate"], answer["a"]["simulated"], answer["b"]["simulated"]),
        ]
        for a, b, d in zip(*(answer[part]["labels"] for part in ("a", "b", "difference")), strict=True)
    )
    both = [f"{side}_{name}" for side in ("a", "b") for name in _ROW[2:]]
    differences = [f"difference_{name}" for name in columns]
    return csv_text(["label", "name", *both, *differences, "separate", "a_simulated", "b_simulated"], rows)


def flow_csv(answer: Json) -> str:
    """Return a flow as CSV: a line for each label that changed and each other label that changed the other way.

    A label that never changed together with another has one line, with the other label's fields empty.
    """
    nothing = {"label": None, "name": None, "pairs": None}
    rows = (
        [change, row["label"], row["name"], row["pairs"], row["alone"], other["label"], other["name"], other["pairs"]]
        for change in ("removed", "added")
        for row in answer[change]
        for other in row["others"] or [nothing]
    )
    columns = ["change", "label", "name", "pairs", "alone", "other_label", "other_name", "other_pairs"]
    return _csv(answer, columns, rows)


def statements_csv(answer: Json) -> str:
    """Return changed statements as CSV: a line each, with where it stands in the newest ECG that has it."""
    rows = (
        [
            *(change, each["statement"], each["ecgs"], each["pct"], *each["pct_ci"]),
            *(answer["read"], answer["complete"], each["example"]["ecg_id"], each["example"]["text"]),
        ]
        for change in ("removed", "added")
        for each in answer[change]
    )
    columns = ["change", "statement", "ecgs", "pct", "pct_ci_low", "pct_ci_high", "read", "complete"]
    return _csv(answer, [*columns, "example_ecg", "example_text"], rows)


def _csv(answer: Json, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return rows as CSV; the last column says whether the ECGs are simulated, wherever the file is sent."""
    return csv_text([*columns, "simulated"], ([*row, answer["simulated"]] for row in rows))


def _fields(row: Json) -> Iterator[object]:
    for name in LabelRow.model_fields:
        yield from (row[name] or (None, None)) if name.endswith("_ci") else (row[name],)


def _left_out(table: Json) -> tuple[object, object, object]:
    unread = table["unread"] or {"machine": None, "overread": None}
    return unread["machine"], unread["overread"], table["unreadable"]


def as_text(answer: Json) -> str:
    """Return an answer for people, in columns: numbers as in Table A.1 of the paper, with their intervals."""
    kind = "simulated" if answer["simulated"] else "real"
    lines = [f"{_summary(answer)}   vocabulary {answer['vocabulary']}, hedged {answer['hedged']}, {kind} ECGs"]
    lines += _said_left_out(answer)
    for group, table in _parts(answer):
        if group:
            said = ", ".join(f"{name}: {'not known' if value is None else value}" for name, value in group.items())
            lines += ["", f"{said}   {_summary(table)}", *_said_left_out(table)]
        cells = [_HEADINGS, *([_cell(row, *column) for column in _COLUMNS] for row in table["labels"])]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines += [
            "  ".join(
                cell.ljust(width) if at == 0 else cell.rjust(width)
                for at, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in cells
        ]
    return "\n".join(lines)


_COLUMNS: tuple[tuple[str, str, int], ...] = (  # heading, field, decimals (-1: a word or a count)
    ("Label", "name", -1),
    ("machine", "machine", -1),
    ("over-read", "overread", -1),
    ("differ", "disagreement", -1),
    ("added", "added", -1),
    ("removed", "removed", -1),
    ("+added %", "added_pct", 2),
    ("-removed %", "removed_pct", 2),
    ("PPV", "ppv", 3),
    ("sens.", "sensitivity", 3),
    ("spec.", "specificity", 3),
    ("kappa", "kappa", 3),
)
_HEADINGS = [heading for heading, _, _ in _COLUMNS]


def _cell(row: Json, _: str, name: str, decimals: int) -> str:
    value = row[name]
    if value is None:
        return "–"
    if decimals < 0:
        return f"{value:,}" if isinstance(value, int) else str(value)
    if row[f"{name}_ci"] is None:
        return f"{value:.{decimals}f}"
    low, high = row[f"{name}_ci"]
    return f"{value:.{decimals}f} [{low:.{decimals}f}, {high:.{decimals}f}]"


def _summary(table: Json) -> str:
    share = "" if table["differing_pct"] is None else f" ({table['differing_pct']:.2f} %)"
    mean = "" if table["changes_per_ecg"] is None else f", {table['changes_per_ecg']:.3f} labels changed per ECG"
    return f"{table['pairs']:,} pairs, {table['differing']:,} with any disagreement{share}{mean}"


def _said_left_out(table: Json) -> Iterator[str]:
    """Yield a line for each reason for which pairs of a table are not compared."""
    reasons = (
        "the machine's report is in a language that is not read",
        "the over-read is in a language that is not read",
        "the over-read says that the tracing cannot be read",
    )
    for pairs, reason in zip(_left_out(table), reasons, strict=True):
        if pairs:
            yield f"{pairs:,} more pairs are not compared: {reason}"


def _parts(answer: Json) -> Iterator[tuple[Json, Json]]:
    """Yield each table of an answer with what its group has in common."""
    if answer["groups"] is None:
        yield {}, answer
    else:
        for group in answer["groups"]:
            yield group["group"], group
