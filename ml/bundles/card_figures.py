"""The sections of a model card that hold figures."""

from collections.abc import Mapping
from typing import Any

from ml.bundles.bundle import Manifest
from ml.documents.markdown import plain, table

READINGS = {"overread": "the over-read", "machine": "the machine's report"}
Missing = Mapping[str, str]
"""Why a plot is missing, by its file name."""


def metrics(manifest: Manifest, measured: Mapping[str, Any], missing: Missing) -> str:
    """Return the section of AUROC and AUPRC, by label and as the macro mean."""
    lines = [
        "## Metrics",
        "",
        "On the test split, with 95 % intervals by bootstrap over patients. A figure against the over-read says how",
        "well the model does what an expert would; one against the machine's report, how much it is like the machine.",
        *_macro_labels(manifest, measured),
    ]
    for reading, against in measured.items():
        lines += ["", f"### Against {READINGS[reading]}", ""]
        lines += [f"{against['windows']:,} windows of {against['patients']:,} patients.", ""]
        rows = [[plain(label.name), *_ranked(against["labels"][label.key])] for label in manifest.labels]
        macro = [_interval(against, f"macro_{name}") for name in ("auroc", "auprc")]
        rows.append([f"*macro over {against['macro_labels']} labels*", "", *macro])
        lines += table(["Label", "Positive windows", "AUROC", "AUPRC"], rows)
    lines += ["", plot("plots/roc.svg", "ROC curves against the over-read", missing)]
    lines += ["", plot("plots/pr.svg", "PR curves against the over-read", missing)]
    lines += ["", "Everything, with the curves: `evaluation.json`; every number a line: `evaluation.csv`."]
    return "\n".join(lines)


def _macro_labels(manifest: Manifest, measured: Mapping[str, Any]) -> list[str]:
    """Return which labels macro figures are over: the same ones against either source."""
    over = set(measured["overread"]["macro_over"])
    left_out = [plain(label.name) for label in manifest.labels if label.key not in over]
    words = (
        f"Macro figures are over the same {len(over)} labels on both sides: those with both classes by both sources."
    )
    return [words, *([f"Left out of them: {', '.join(left_out)}."] if left_out else [])]


def _ranked(part: Mapping[str, Any]) -> list[str]:
    return [f"{part['positives']:,}", _interval(part, "auroc"), _interval(part, "auprc")]


def _interval(part: Mapping[str, Any], name: str) -> str:
    if part[name] is None:
        return f"– ({plain(part['undefined'][name])})"
    interval = part[f"{name}_ci"]
    return f"{part[name]:.3f}" + (f" [{interval[0]:.3f}–{interval[1]:.3f}]" if interval else "")


def subgroups(manifest: Manifest, against: Mapping[str, Any]) -> str:
    """Return the section of the subgroups."""
    lines = ["## Subgroups", ""]
    if not against["subgroups"]:
        return "\n".join([*lines, "Sex, age and site are unknown for every window of the test split."])
    rows = [
        [
            plain(group["attribute"]),
            plain(group["group"]),
            f"{group['windows']:,}",
            f"{group['patients']:,}",
            f"{group['macro_labels']}",
            _interval(group, "macro_auroc"),
            _interval(group, "macro_auprc"),
        ]
        for group in against["subgroups"]
    ]
    header = ["Attribute", "Group", "Windows", "Patients", "Labels", "Macro AUROC", "Macro AUPRC"]
    return "\n".join(
        [
            *lines,
            "Against the over-read. A macro figure is over the labels with five patients or more of either class in",
            "the group, so groups with different labels do not compare; by label: `evaluation.csv`.",
            "",
            *table(header, rows),
        ]
    )


def operating_points(manifest: Manifest, measured: Mapping[str, Any], missing: Missing) -> str:
    """Return the section of thresholds and calibration."""
    labels = measured["overread"]["labels"] if measured else {}
    rows = []
    for label in manifest.labels:
        part = labels.get(label.key, {})
        at = part.get("at_threshold") or {}
        shares = [_share(at.get(name)) for name in ("sensitivity", "specificity", "ppv", "npv")]
        by_rule = ", ".join(f"{rule} {value:.3f}" for rule, value in label.thresholds.items()) or "–"
        calibrated = [label.calibration_rule, _share(part.get("brier")), _share(part.get("ece"))]
        rows.append([plain(label.name), f"{label.threshold:.3f} {label.threshold_rule}", by_rule, *shares, *calibrated])
    header = [
        "Label",
        "Threshold",
        "By rule",
        "Sensitivity",
        "Specificity",
        "PPV",
        "NPV",
        "Calibration",
        "Brier",
        "ECE",
    ]
    lines = [
        "## Thresholds and calibration",
        "",
        "Chosen on the validation split, measured on the test split against the over-read. A threshold is on the",
        "score, the probability is calibrated; `default` and `identity` mean that validation had too few windows to",
        "choose.",
        "",
        *table(header, rows),
    ]
    if measured:
        lines += ["", plot("plots/reliability.svg", "Reliability against the over-read", missing)]
    return "\n".join(lines)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def plot(name: str, caption: str, missing: Missing) -> str:
    """Return a plot as Markdown, or why it is missing."""
    if name in missing:
        return f"*{caption}: this plot could not be drawn ({plain(missing[name])}). Every number is in the bundle.*"
    return f"![{caption}]({name})"
