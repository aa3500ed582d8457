"""From counted cells to the table users see."""

import csv
import io
from collections.abc import Sequence

from app.disagreement import statistics
from app.disagreement.schemas import Disagreement, LabelRow, Table
from app.disagreement.statistics import Cells, Hedged, Rate
from ml.labeling import Label


def table(cells: Cells, labels: Sequence[Label], hedged: Hedged) -> Table:
    """Make the table of some pairs, a row a label in the vocabulary's order."""
    rows = [_row(cells, bit, label, hedged) for bit, label in enumerate(labels)]
    return Table(pairs=int(cells.pairs.sum()), labels=rows)


def _row(cells: Cells, bit: int, label: Label, hedged: Hedged) -> LabelRow:
    counts = statistics.count(cells, bit, hedged)
    added = _percent(statistics.relative_gain(counts.added, counts.machine))
    removed = _percent(statistics.proportion(counts.removed, counts.machine))
    kappa = statistics.kappa(counts)
    ppv = statistics.proportion(counts.both, counts.machine)
    sensitivity = statistics.proportion(counts.both, counts.overread)
    specificity = statistics.proportion(counts.neither, counts.neither + counts.removed)
    return LabelRow(
        label=label.key,
        name=label.name,
        pairs=counts.pairs,
        machine=counts.machine,
        overread=counts.overread,
        disagreement=counts.disagreement,
        added=counts.added,
        removed=counts.removed,
        added_pct=added.value,
        added_pct_ci=added.interval,
        removed_pct=removed.value,
        removed_pct_ci=removed.interval,
        kappa=kappa.value,
        kappa_ci=kappa.interval,
        ppv=ppv.value,
        ppv_ci=ppv.interval,
        sensitivity=sensitivity.value,
        sensitivity_ci=sensitivity.interval,
        specificity=specificity.value,
        specificity_ci=specificity.interval,
    )


def _percent(rate: Rate) -> Rate:
    value = None if rate.value is None else 100 * rate.value
    interval = None if rate.interval is None else (100 * rate.interval[0], 100 * rate.interval[1])
    return Rate(value, interval)


def as_csv(answer: Disagreement) -> str:
    """Write the table as CSV: a line a label, and a line a group and label when it is grouped."""
    lines = [
        *([("", row) for row in answer.labels] if answer.groups is None else []),
        *((group.group or "", row) for group in answer.groups or [] for row in group.labels),
    ]
    columns: list[str] = ["group"] if answer.groups is not None else []
    for name in LabelRow.model_fields:
        columns += [f"{name}_low", f"{name}_high"] if name.endswith("_ci") else [name]
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\r\n")  # RFC 4180
    writer.writeheader()
    for group, row in lines:
        cells: dict[str, object] = {"group": _inert(group)} if answer.groups is not None else {}
        for name, value in row:
            if name.endswith("_ci"):
                cells[f"{name}_low"], cells[f"{name}_high"] = value or (None, None)
            else:
                cells[name] = value
        writer.writerow(cells)
    return out.getvalue()


def _inert(cell: str) -> str:
    """Keep a spreadsheet from taking a client's text for a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
