"""The model card: what a bundle is, what it learned from, how well it does, and what it is not for, in Markdown.

After Mitchell et al. 2019, "Model cards for model reporting". Every figure in it is in the bundle.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ml.bundles.bundle import Manifest
from ml.evaluation import plots
from ml.evaluation.csv_rows import as_csv, metric_rows

FEW_POSITIVES = 20
READINGS = {"overread": "the over-read", "machine": "the machine's reading"}


def files(manifest: Manifest, measured: Mapping[str, Any]) -> dict[str, bytes]:
    """Make what goes into a bundle beside manifest and weights, by file name.

    Parameters
    ----------
    measured
        What `ml.evaluation.report.metrics_of` found on the test split; empty where that has no window.
    """
    names = {label.key: label.name for label in manifest.labels}
    made: dict[str, bytes] = {}
    if manifest.training.get("history"):
        figure = plots.history(manifest.training["history"], manifest.training["best_epoch"])
        made["plots/training.svg"] = plots.render(figure)
    if measured:
        against = measured["overread"]
        for kind in ("roc", "pr"):
            figure = plots.curve_panels(against["labels"], names, against["curve_grid"], kind)
            made[f"plots/{kind}.svg"] = plots.render(figure)
        made["plots/reliability.svg"] = plots.render(plots.reliability_panels(against["labels"], names))
        made["evaluation.json"] = json.dumps(measured, allow_nan=False).encode()
        made["evaluation.csv"] = as_csv(metric_rows(measured)).encode()
    return {"card.md": _card(manifest, measured).encode(), **made}


def _card(manifest: Manifest, measured: Mapping[str, Any]) -> str:
    sections = [
        _what_it_is(manifest),
        _data(manifest),
        _preprocessing(manifest),
        _training(manifest),
        *([_metrics(manifest, measured), _subgroups(manifest, measured["overread"])] if measured else []),
        _operating_points(manifest, measured),
        _limits(manifest, measured),
    ]
    return "\n\n".join(sections) + "\n"


def _what_it_is(manifest: Manifest) -> str:
    title = f"# {_text(manifest.paradigm)}, {_text(manifest.preset)}"
    labels = ", ".join(f"{_text(label.name)} (`{label.key}`)" for label in manifest.labels)
    return f"""{title}

**For research. Not for clinical use.** It is no medical device; nobody has shown that it helps or harms patients.

It reads a 12-lead ECG of 10 s or longer and gives a score and a calibrated probability for each of
{len(manifest.labels)} labels: {labels}.

- Architecture: {manifest.architecture}, preset {_text(manifest.preset)}, one output a label
- Leads: I, II, III, aVR, aVL, aVF, V1 to V6, in millivolt, at {manifest.preprocessing["target_rate_hz"]:g} Hz
- Made: {manifest.created_at:%Y-%m-%d %H:%M} UTC by {", ".join(f"{k} {v}" for k, v in manifest.versions.items())}
- Weights: SHA-256 `{manifest.weights_sha256}`"""


def _data(manifest: Manifest) -> str:
    dataset, source = manifest.dataset, str(manifest.training.get("label_source", "unknown"))
    lines = ["## Data", "", f"Dataset SHA-256 `{manifest.dataset_sha256}`."]
    if manifest.attribution:
        lines += ["", _text(manifest.attribution)]
    lines += ["", f"It learned from the labels of {READINGS.get(source, _text(source))}."]
    if not dataset:
        return "\n".join(lines)
    simulated, windows = dataset["simulated"], dataset["windows"]
    if simulated:
        lines[-1] += f" **{simulated:,} of {windows:,} windows are simulated: no patient was attached to them.**"
    else:
        lines[-1] += " None of its windows is marked as simulated."
    sexes = ", ".join(f"{_text(sex)} {count:,}" for sex, count in dataset["sexes"].items())
    lines += [
        "",
        f"{windows:,} windows of {dataset['ecgs']:,} ECGs of {dataset['patients']:,} patients from {dataset['sites']:,}"
        f" named sites; windows by sex: {sexes}. The splits share no patient unless the dataset was split by record.",
        "",
    ]
    splits = dataset["splits"]
    sides = [(split, reading) for split in splits for reading in ("overread", "machine")]
    header = ["Positive windows", *(f"{split}, {READINGS[reading]}" for split, reading in sides)]
    rows = [
        [_text(label.name), *(f"{splits[split][reading]['positives'].get(label.key, 0):,}" for split, reading in sides)]
        for label in manifest.labels
    ]
    rows.append(["*windows with the reading*", *(f"{splits[split][reading]['windows']:,}" for split, reading in sides)])
    rows.append(["*patients of the split*", *(f"{splits[split]['patients']:,}" for split, _ in sides)])
    return "\n".join([*lines, *_table(header, rows)])


def _preprocessing(manifest: Manifest) -> str:
    rows = [[f"`{name}`", f"`{json.dumps(value)}`"] for name, value in manifest.preprocessing.items()]
    return "\n".join(
        [
            "## Preprocessing",
            "",
            "In the bundle and replayed on every ECG: refuse what cannot be used, bring to the target rate, cut",
            "windows, take out the baseline, z-score each lead, notch out the mains. A longer ECG gets the mean of",
            "its windows.",
            "",
            *_table(["Step", "Value"], rows),
        ]
    )


def _training(manifest: Manifest) -> str:
    told = {name: value for name, value in manifest.training.items() if name != "history"}
    rows = [[f"`{name}`", f"`{json.dumps(value)}`"] for name, value in told.items()]
    lines = ["## Training", "", *_table(["Setting", "Value"], rows)]
    if manifest.training.get("history"):
        lines += ["", "![Loss and validation macro AUPRC by epoch](plots/training.svg)"]
    return "\n".join(lines)


def _metrics(manifest: Manifest, measured: Mapping[str, Any]) -> str:
    lines = [
        "## Metrics",
        "",
        "On the test split, with 95 % intervals by bootstrap over patients. Against the over-read a figure says how",
        "well the model does what an expert would; against the machine's reading how much it has of its habits.",
    ]
    for reading, against in measured.items():
        lines += ["", f"### Against {READINGS[reading]}", ""]
        lines += [f"{against['windows']:,} windows of {against['patients']:,} patients.", ""]
        rows = [[_text(label.name), *_ranked(against["labels"][label.key])] for label in manifest.labels]
        macro = [_interval(against, f"macro_{name}") for name in ("auroc", "auprc")]
        rows.append([f"*macro over {against['macro_labels']} labels*", "", *macro])
        lines += _table(["Label", "Positive windows", "AUROC", "AUPRC"], rows)
    lines += ["", "![ROC curves against the over-read](plots/roc.svg)", "", "![PR curves](plots/pr.svg)"]
    lines += ["", "Everything, with the curves: `evaluation.json`; every number a line: `evaluation.csv`."]
    return "\n".join(lines)


def _ranked(part: Mapping[str, Any]) -> list[str]:
    return [f"{part['positives']:,}", _interval(part, "auroc"), _interval(part, "auprc")]


def _interval(part: Mapping[str, Any], name: str) -> str:
    if part[name] is None:
        return f"– ({_text(part['undefined'][name])})"
    interval = part[f"{name}_ci"]
    return f"{part[name]:.3f}" + (f" [{interval[0]:.3f}–{interval[1]:.3f}]" if interval else "")


def _subgroups(manifest: Manifest, against: Mapping[str, Any]) -> str:
    lines = ["## Subgroups", ""]
    if not against["subgroups"]:
        return "\n".join([*lines, "Sex, age and site are known of no window of the test split."])
    rows = [
        [
            _text(group["attribute"]),
            _text(group["group"]),
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
            *_table(header, rows),
        ]
    )


def _operating_points(manifest: Manifest, measured: Mapping[str, Any]) -> str:
    labels = measured["overread"]["labels"] if measured else {}
    rows = []
    for label in manifest.labels:
        part = labels.get(label.key, {})
        at = part.get("at_threshold") or {}
        shares = [_share(at.get(name)) for name in ("sensitivity", "specificity", "ppv", "npv")]
        by_rule = ", ".join(f"{rule} {value:.3f}" for rule, value in label.thresholds.items()) or "–"
        calibrated = [label.calibration_rule, _share(part.get("brier")), _share(part.get("ece"))]
        rows.append([_text(label.name), f"{label.threshold:.3f} {label.threshold_rule}", by_rule, *shares, *calibrated])
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
        "score, the probability is calibrated; `default` and `identity` mean that validation had too little to choose",
        "by.",
        "",
        *_table(header, rows),
    ]
    if measured:
        lines += ["", "![Reliability against the over-read](plots/reliability.svg)"]
    return "\n".join(lines)


def _limits(manifest: Manifest, measured: Mapping[str, Any]) -> str:
    return "\n".join(["## Limits", "", *(f"- {limit}" for limit in _what_limits(manifest, measured))])


def _what_limits(manifest: Manifest, measured: Mapping[str, Any]) -> Iterator[str]:
    yield "**Not for clinical use.** No figure here says anything about patients elsewhere."
    yield "Labels are read from reports by rules: what the rules miss is missing here, and over-readers err too."
    if manifest.dataset.get("simulated"):
        yield "Simulated ECGs are simpler than patients': figures on them are of the simulator, not of medicine."
    if manifest.training.get("label_source") == "machine":
        yield "It learned the machine's reading, with the machine's errors; figures against that reading flatter it."
    if not measured:
        yield "The test split is empty: nothing was measured."
        return
    labels = measured["overread"]["labels"]
    unmeasured = [label.name for label in manifest.labels if labels[label.key]["auroc"] is None]
    few = [
        label.name
        for label in manifest.labels
        if labels[label.key]["auroc"] is not None and labels[label.key]["positives"] < FEW_POSITIVES
    ]
    if unmeasured:
        yield f"Not measured, for want of both classes: {', '.join(map(_text, unmeasured))}."
    if few:
        yield f"Fewer than {FEW_POSITIVES} positive windows in the test split: {', '.join(map(_text, few))}."
    uncalibrated = [label.name for label in manifest.labels if label.calibration_rule == "identity"]
    if uncalibrated:
        yield f"Not calibrated, for want of validation windows: {', '.join(map(_text, uncalibrated))}."


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [_row(header), _row(["---"] * len(header)), *(_row(row) for row in rows)]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _text(value: str) -> str:
    """Take Markdown's and HTML's meaning out of words that came from elsewhere: a site may be called anything."""
    words = " ".join(value.split())
    return "".join(f"\\{sign}" if sign in "\\`*_[]|<>#!" else sign for sign in words)
