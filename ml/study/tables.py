"""The paper's tables, and the numbers behind its figures, as rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ml.corpus.store import Hedged, Store
from ml.evaluation.csv_rows import as_csv
from ml.evaluation.metrics import CURVE_GRID
from ml.paradigms.registry import PARADIGMS
from ml.study.grid import shown

Row = dict[str, Any]
METRICS = ("auroc", "auprc")


def files(result: Mapping[str, Any]) -> dict[str, bytes]:
    """Return every table that the study has data for, as CSV by file name."""
    made = {
        "table_a1": result["table_a1"],
        "table_1": table_1(result),
        "table_2": table_2(result),
        "figure_3": figure_3(result),
        "figure_a2": figure_a2(result),
        "figure_a3": figure_a3(result),
        "figure_a4": figure_a4(result),
        "grid": grid(result),
        "arms": every_arm(result),
        "comparisons": [
            {**{name: row.get(name) for name in (*_COMPARED, "undefined")}, **_ends(row["difference_ci"])}
            for row in result["comparisons"]
        ],
    }
    return {f"tables/{name}.csv": as_csv(rows).encode() for name, rows in made.items() if rows}


_COMPARED = ("arm", "than", "metric", "label", "value", "other", "difference", "p")


def disagreement(store: Store, hedged: Hedged) -> list[Row]:
    """Return what over-readers added to and removed from the machine's labels (Table A.1). Each ECG counts once.

    Percentages are over the machine-positive count; None if that is 0.
    """
    _, first = np.unique(store.column("ecg_id").astype(str), return_index=True)
    (overread, o_counts), (machine, m_counts) = (store.targets(reading, hedged) for reading in ("overread", "machine"))
    rows = []
    for k, (key, name) in enumerate(store.labels):
        both = first[o_counts[first, k] & m_counts[first, k]]
        o, m = overread[both, k] > 0, machine[both, k] > 0
        added, removed, positives = int((o & ~m).sum()), int((m & ~o).sum()), int(m.sum())
        rows.append(
            {
                "label": key,
                "name": name,
                "ecgs": len(both),
                "machine": positives,
                "overread": int(o.sum()),
                "disagreement": added + removed,
                "added": added,
                "removed": removed,
                "added_pct": 100 * added / positives if positives else None,
                "removed_pct": 100 * removed / positives if positives else None,
            }
        )
    return rows


def arm_named(result: Mapping[str, Any], name: str) -> Any:
    """Return the arm of this name, None if the study has none."""
    return next((arm for arm in result["arms"] if arm["name"] == name), None)


def table_1(result: Mapping[str, Any]) -> list[Row]:
    """Return Table 1: the paradigms against the over-read."""
    there = [(name, "overread", name) for name in PARADIGMS if arm_named(result, name) is not None]
    return _side_by_side(result, there)


def table_2(result: Mapping[str, Any]) -> list[Row]:
    """Return Table 2: supervised models trained on either source, against the machine and the over-read."""
    if arm_named(result, "supervised_machine") is None:
        return []
    return _side_by_side(
        result,
        [
            ("supervised_machine", "machine", "machine_on_machine"),
            ("supervised_machine", "overread", "machine_on_overread"),
            ("supervised", "overread", "overread_on_overread"),
        ],
    )


def figure_3(result: Mapping[str, Any]) -> list[Row]:
    """Return Figure 3: NegCLIP on statements and on whole reports."""
    if arm_named(result, "negclip_report") is None:
        return []
    return _side_by_side(result, [("negclip", "overread", "statement"), ("negclip_report", "overread", "report")])


def _side_by_side(result: Mapping[str, Any], columns: list[tuple[str, str, str]]) -> list[Row]:
    rows = []
    keys = [(label["key"], label["name"]) for label in result["labels"]]
    for key, name in [*keys, ("macro", f"Macro over {len(result['macro_over'])} labels")]:
        row: Row = {"label": key, "name": name}
        for arm_name, reading, column in columns:
            against = arm_named(result, arm_name)[reading]
            part = against["macro"] if key == "macro" else against["labels"][key]
            for metric in METRICS:
                figure = part[metric]
                row[f"{column}_{metric}"] = figure["value"]
                row |= {f"{column}_{metric}_{end}": value for end, value in _ends(figure["ci"]).items()}
        rows.append(row)
    return rows


def figure_a2(result: Mapping[str, Any]) -> list[Row]:
    """Return Figure A.2: the macro curves of the paradigms, one point a row."""
    return [
        {"paradigm": name, "curve": kind, "x": float(x), "y": y, "low": low, "high": high}
        for name in PARADIGMS
        if (arm := arm_named(result, name)) is not None
        for kind, curve in arm["overread"]["macro_curves"].items()
        for x, y, low, high in zip(
            CURVE_GRID,
            curve["value"],
            curve["low"] or [None] * len(CURVE_GRID),
            curve["high"] or [None] * len(CURVE_GRID),
            strict=True,
        )
    ]


def figure_a3(result: Mapping[str, Any]) -> list[Row]:
    """Return Figure A.3: macro AUPRC by λ, on validation (by which the paper chose) and on test."""
    return _sweep(result, "self_training_weight_", "weight", result["plan"]["ablations"]["weights"], zero=None)


def figure_a4(result: Mapping[str, Any]) -> list[Row]:
    """Return Figure A.4: macro AUPRC by share of the unlabelled dataset. A share of 0 is supervised learning."""
    shares = result["plan"]["ablations"]["unlabelled_fractions"]
    return _sweep(result, "self_training_unlabelled_", "unlabelled_fraction", shares, zero="supervised")


def _sweep(result: Mapping[str, Any], prefix: str, column: str, values: list[float], *, zero: str | None) -> list[Row]:
    named = [(value, f"{prefix}{value:g}") for value in values]
    if named and zero is not None:
        named = [(0.0, zero), *named]
    rows = []
    for value, name in sorted(named):
        arm = arm_named(result, name)
        if arm is None:
            continue
        validation = [run["best_validation_macro_auprc"] for run in arm["runs"]]
        test = arm["overread"]["macro"]["auprc"]
        rows.append(
            {
                column: value,
                "validation_macro_auprc": None if None in validation else float(np.mean(validation)),
                "test_macro_auprc": test["value"],
                **_ends(test["ci"]),
            }
        )
    return rows


def grid(result: Mapping[str, Any]) -> list[Row]:
    """Return the arms of the grid, one a row: a column for each setting, empty where the paradigm has none such."""
    rows = []
    for arm in result["arms"]:
        if not arm.get("grid"):
            continue
        row: Row = {"arm": arm["name"], "paradigm": arm["options"]["paradigm"]}
        row |= {name: shown(arm["grid"][name]) if name in arm["grid"] else None for name in result["plan"]["grid"]}
        validation = [run["best_validation_macro_auprc"] for run in arm["runs"]]
        row["seeds"] = len(arm["runs"])
        row["validation_macro_auprc"] = None if None in validation else float(np.mean(validation))
        for reading in ("overread", "machine"):
            for metric in METRICS:
                figure, column = arm[reading]["macro"][metric], f"{reading}_{metric}"
                row |= {column: figure["value"], f"{column}_seed_sd": figure["seed_sd"]}
                row |= {f"{column}_{end}": value for end, value in _ends(figure["ci"]).items()}
        rows.append(row)
    return rows


def every_arm(result: Mapping[str, Any]) -> list[Row]:
    """Return every metric of every arm against either source, one a row."""
    rows = []
    for arm in result["arms"]:
        for reading in ("overread", "machine"):
            parts = {"macro": arm[reading]["macro"], **arm[reading]["labels"]}
            for label, part in parts.items():
                for metric in METRICS:
                    figure = part[metric]
                    start = {"arm": arm["name"], "reading": reading, "label": label, "metric": metric}
                    spread = {"seeds": len(arm["runs"]), "seed_sd": figure["seed_sd"]}
                    over = " ".join(arm[reading]["macro_over"]) if label == "macro" else None
                    rows.append(
                        {**start, "value": figure["value"], **_ends(figure["ci"]), **spread, "macro_over": over}
                    )
    return rows


def _ends(interval: tuple[float, float] | None) -> dict[str, float | None]:
    low, high = interval or (None, None)
    return {"low": low, "high": high}
