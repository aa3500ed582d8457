"""Tables as CSV and for the terminal."""

import csv
import io
from collections.abc import Iterator, Sequence

from app.disagreement.schemas import LabelRow
from app.kit.database import Json


def as_csv(answer: Json, group_by: Sequence[str]) -> str:
    """Write an answer as CSV: a line a label, and a line a group and label when it is grouped."""
    columns: list[str] = list(group_by)
    for name in LabelRow.model_fields:
        columns += [f"{name}_low", f"{name}_high"] if name.endswith("_ci") else [name]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")  # RFC 4180
    writer.writerow(columns)
    for group, rows in _parts(answer):
        start = [_inert(group[name]) for name in group_by]
        for row in rows:
            line = list(start)
            for name in LabelRow.model_fields:
                line += row[name] or ("", "") if name.endswith("_ci") else [row[name]]
            writer.writerow(line)
    return out.getvalue()


def as_text(answer: Json) -> str:
    """Write an answer for people, in columns; numbers as Table A.1 of the paper prints them, intervals beside."""
    lines = [f"{_summary(answer)}   vocabulary {answer['vocabulary']}, hedged {answer['hedged']}"]
    for group, rows in _parts(answer):
        table = next((each for each in answer["groups"] or () if each["group"] == group), answer)
        if group:
            said = ", ".join(f"{name}: {'not known' if value is None else value}" for name, value in group.items())
            lines += ["", f"{said}   {_summary(table)}"]
        cells = [_HEADINGS, *([_cell(row, *column) for column in _COLUMNS] for row in rows)]
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


def _parts(answer: Json) -> Iterator[tuple[Json, list[Json]]]:
    if answer["groups"] is None:
        yield {}, answer["labels"]
    else:
        for group in answer["groups"]:
            yield group["group"], group["labels"]


def _inert(cell: object) -> object:
    """Keep a spreadsheet from taking a client's text for a formula."""
    if cell is None:
        return ""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
