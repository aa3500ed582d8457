"""A study as one HTML page that needs no other file."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from ml.documents.xml import escaped
from ml.paradigms.registry import PARADIGMS
from ml.study import tables

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; color: #1b1b1b }
table { border-collapse: collapse; margin: 1rem 0; font-size: 13px; font-variant-numeric: tabular-nums }
th, td { padding: .2rem .6rem; border-bottom: 1px solid #ddd; text-align: right; white-space: nowrap }
th:first-child, td:first-child { text-align: left }
.best { font-weight: 700 } .second { text-decoration: underline } .notice { font-weight: 700; color: #8c2f00 }
img { max-width: 100% } .scroll { overflow-x: auto } code { font-size: 13px }
"""
FIGURES = {
    "figure_3": "Figure 3. NegCLIP on statements and on whole reports, against the over-read.",
    "figure_a2": "Figure A.2. Macro ROC and PR curves against the over-read, with 95 % bands.",
    "figure_a3": "Figure A.3. Self-training over λ.",
    "figure_a4": "Figure A.4. Self-training over the share of the unlabelled corpus; none is supervised learning.",
    "label_source": "Table 2 as a picture: what label source and yardstick do to a figure.",
}


def html(result: Mapping[str, Any], drawn: Mapping[str, bytes], missing: Mapping[str, str]) -> str:
    """Return the page. `drawn`: figures as SVG, by file name. `missing`: why a figure could not be drawn, by name."""
    dataset = result["dataset"]
    parts = [
        f"<h1>{escaped(result['title'])}</h1>",
        _about(result),
        "<h2>Table A.1: what experts add and remove</h2>",
        "<p>Percentages are over the machine-positive count.</p>",
        _disagreement(result["table_a1"]),
    ]
    if rows := tables.table_1(result):
        names = {arm["name"]: arm["title"] for arm in result["arms"]}
        columns = {name: names[name] for name in PARADIGMS if name in names}
        parts += ["<h2>Table 1: the paradigms against the over-read</h2>", _PERCENT, _figures(rows, columns, 100)]
    if rows := tables.table_2(result):
        columns = {
            "machine_on_machine": "trained on machine, against machine",
            "machine_on_overread": "trained on machine, against over-read",
            "overread_on_overread": "trained on over-read, against over-read",
        }
        parts += ["<h2>Table 2: machine labels or over-reads to learn from</h2>", _figures(rows, columns, 1)]
    if rows := tables.grid(result):
        parts += ["<h2>Grid: every combination</h2>", _grid(rows, list(result["plan"]["grid"]))]
    if result["comparisons"]:
        parts += ["<h2>Differences</h2>", _comparisons(result)]
    for name, caption in FIGURES.items():
        if content := drawn.get(f"figures/{name}.svg"):
            image = base64.b64encode(content).decode()
            parts += [f'<figure><img alt="{escaped(caption)}" src="data:image/svg+xml;base64,{image}">']
            parts += [f"<figcaption>{escaped(caption)}</figcaption></figure>"]
        elif name in missing:
            parts.append(f'<p class="notice">{escaped(caption)} It could not be drawn: {escaped(missing[name])}</p>')
    parts += ["<h2>Runs</h2>", _runs(result)]
    body = "\n".join(parts)
    notice = "Simulated ECGs. " if dataset["simulated"] else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{notice}{escaped(result['title'])}</title><style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


_PERCENT = (
    "<p>Per cent, with 95 % intervals by bootstrap over the test split's patients, of the mean over the seeds."
    " Best in bold, second best underlined.</p>"
)


def _about(result: Mapping[str, Any]) -> str:
    dataset, plan = result["dataset"], result["plan"]
    lines = ["<p>For research. Not for clinical use.</p>"]
    if dataset["simulated"]:
        lines.append(
            f'<p class="notice">{dataset["simulated"]:,} of {dataset["windows"]:,} windows are simulated: what follows'
            " is about the simulator.</p>"
        )
    if shared := dataset.get("test_patients_in_training"):
        lines.append(
            f'<p class="notice">{shared:,} of the {dataset["splits"]["test"]["patients"]:,} patients of the test split'
            " are in the train or validation split too: the figures are better than on new patients.</p>"
        )
    sizes = ", ".join(f"{name} {split['windows']:,}" for name, split in dataset["splits"].items())
    seeds = ", ".join(map(str, plan["seeds"]))
    lines.append(
        f"<p>{dataset['windows']:,} windows of {dataset['ecgs']:,} ECGs of {dataset['patients']:,} patients ({sizes});"
        f" dataset <code>{dataset['sha256']}</code>. Preset {escaped(plan['preset'])}; seeds {seeds};"
        f" {plan['draws']:,} bootstrap draws; uncertain findings count as {escaped(plan['hedged'])}.</p>"
    )
    names = {label["key"]: label["name"] for label in result["labels"]}
    over = ", ".join(escaped(names[key]) for key in result["macro_over"])
    lines.append(
        f"<p>Macro figures are over the same {len(result['macro_over'])} labels against either source, those with both"
        f" classes by both sources: {over or 'none'}.</p>"
    )
    return "\n".join(lines)


def _disagreement(rows: Sequence[tables.Row]) -> str:
    header = ["Diagnosis", "Machine", "Over-read", "Disagreement", "+Added %", "−Removed %"]
    body = [
        [
            escaped(row["name"]),
            f"{row['machine']:,}",
            f"{row['overread']:,}",
            f"{row['disagreement']:,}",
            "–" if row["added_pct"] is None else f"+{row['added_pct']:.2f}",
            "–" if row["removed_pct"] is None else f"−{row['removed_pct']:.2f}",
        ]
        for row in rows
    ]
    return _table(header, body)


def _figures(rows: Sequence[tables.Row], columns: Mapping[str, str], scale: int) -> str:
    """Return a table of columns by metric. With several columns, the best and the second best of a row are marked."""
    header = ["Diagnosis", *(f"{title}: {metric.upper()}" for title in columns.values() for metric in tables.METRICS)]
    body = []
    for row in rows:
        marks: dict[tuple[str, str], str] = {}
        for metric in tables.METRICS:
            known = [(row[f"{column}_{metric}"], column) for column in columns if row[f"{column}_{metric}"] is not None]
            ranked = sorted(known, reverse=True) if len(columns) > 1 else []
            marks |= {(column, metric): mark for (_, column), mark in zip(ranked, ("best", "second"), strict=False)}
        cells = [escaped(row["name"])]
        for column in columns:
            for metric in tables.METRICS:
                words = _interval(row, f"{column}_{metric}", scale)
                mark = marks.get((column, metric))
                cells.append(f'<span class="{mark}">{words}</span>' if mark else words)
        body.append(cells)
    return _table(header, body)


def _grid(rows: Sequence[tables.Row], settings: Sequence[str]) -> str:
    """Return the table of the grid, best validation first: a choice by the test split would flatter it."""
    header = ["Paradigm", *settings, "Validation macro AUPRC", "Macro AUROC", "Macro AUPRC"]
    ordered = sorted(rows, key=lambda row: -(row["validation_macro_auprc"] or 0))
    body = [
        [
            escaped(PARADIGMS[row["paradigm"]].title),
            *("–" if row[name] is None else escaped(row[name]) for name in settings),
            "–" if row["validation_macro_auprc"] is None else f"{row['validation_macro_auprc']:.4f}",
            *(_interval(row, f"overread_{metric}", 1) for metric in tables.METRICS),
        ]
        for row in ordered
    ]
    note = (
        "<p>Against the over-read, on the test split; best on validation first. All of it:"
        " <code>tables/grid.csv</code>.</p>"
    )
    return note + _table(header, body)


def _interval(row: tables.Row, name: str, scale: int) -> str:
    if row[name] is None:
        return "–"
    digits = 1 if scale == 100 else 3
    value = f"{scale * row[name]:.{digits}f}"
    if row[f"{name}_low"] is None:
        return value
    return f"{value} [{scale * row[f'{name}_low']:.{digits}f}–{scale * row[f'{name}_high']:.{digits}f}]"


def _comparisons(result: Mapping[str, Any]) -> str:
    titles = {arm["name"]: arm["title"] for arm in result["arms"]}
    body = []
    for row in result["comparisons"]:
        if row["label"] == "macro" and row["difference"] is not None:
            low, high = row["difference_ci"] or (None, None)
            interval = "–" if low is None else f"{low:+.4f} to {high:+.4f}"
            shown = "–" if row["p"] is None else f"{row['p']:.3f}"
            who = f"{titles[row['arm']]} less {titles[row['than']]}"
            body.append([escaped(who), row["metric"].upper(), f"{row['difference']:+.4f}", interval, shown])
    note = (
        "<p>Macro figures against the over-read, by paired bootstrap over patients; p is two-sided and of each"
        " comparison alone. By label: <code>tables/comparisons.csv</code>.</p>"
    )
    return note + _table(["Arms", "Metric", "Difference", "95 % interval", "p"], body)


def _runs(result: Mapping[str, Any]) -> str:
    body = [
        [
            escaped(arm["title"]),
            str(run["seed"]),
            f"{run['best_epoch']} of {run['ended_after']}",
            "–" if run["best_validation_macro_auprc"] is None else f"{run['best_validation_macro_auprc']:.4f}",
            f"<code>{escaped(run['folder'])}</code>",
        ]
        for arm in result["arms"]
        for run in arm["runs"]
    ]
    return _table(["Arm", "Seed", "Best epoch", "Validation macro AUPRC", "Folder"], body)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escaped(cell)}</th>" for cell in header)
    body = "\n".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'
