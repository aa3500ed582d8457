"""Figures as tables: rows of plain values, and rows as CSV."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ml.documents.csv_text import csv_text

METRICS = ("auroc", "auprc", "brier", "ece")


def metric_rows(measured: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what `ml.evaluation.report.metrics_of` measured, one number with its interval a row."""
    rows: list[dict[str, Any]] = []
    for reading, against in measured.items():
        rows += _of_part(reading, "all", "all", against)
        for group in against.get("subgroups", ()):
            rows += _of_part(reading, group["attribute"], group["group"], group)
    return rows


def _of_part(reading: str, attribute: str, group: str, part: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    start = {"reading": reading, "attribute": attribute, "group": group}
    reasons = part.get("undefined", {})
    for metric in ("auroc", "auprc"):
        low, high = part[f"macro_{metric}_ci"] or (None, None)
        row = {**start, "label": "macro", "windows": part["windows"], "positives": None, "metric": metric}
        yield {
            **row,
            "value": part[f"macro_{metric}"],
            "low": low,
            "high": high,
            "undefined": reasons.get(f"macro_{metric}"),
            "macro_over": " ".join(part["macro_over"]),
        }
    for key, label in part["labels"].items():
        for metric in METRICS:
            if metric in label:
                low, high = label.get(f"{metric}_ci") or (None, None)
                row = {**start, "label": key, "windows": label["windows"], "positives": label["positives"]}
                reason = label["undefined"].get(metric) or label["undefined"].get(f"{metric}_ci")
                row |= {"metric": metric, "value": label[metric], "low": low, "high": high}
                yield {**row, "undefined": reason, "macro_over": None}


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows that have the same columns as CSV, with `\\n` at line ends; no rows are an empty text."""
    return csv_text(list(rows[0]), [list(row.values()) for row in rows], line_end="\n") if rows else ""
