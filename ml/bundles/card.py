"""The model card: what a bundle is, what it learned from, how well it does, and what it is not for, in Markdown.

After Mitchell et al. 2019, "Model cards for model reporting". Every figure in it is in the bundle.
"""

import json
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ml.bundles.bundle import Integers, Manifest, Stability, read_file
from ml.bundles.card_figures import READINGS, Missing, metrics, operating_points, plot, subgroups
from ml.documents.markdown import plain, table
from ml.documents.xml import printable
from ml.evaluation import plots
from ml.evaluation.csv_rows import as_csv, metric_rows

FEW_POSITIVES = 20


def files(manifest: Manifest, measured: Mapping[str, Any], drawers: "Drawers | None" = None) -> dict[str, bytes]:
    """Return the files that a bundle has besides manifest and weights, by name.

    A plot that cannot be drawn does not stop the others: the card says which one is missing, and why.

    Parameters
    ----------
    measured
        What `ml.evaluation.report.metrics_of` found on the test split; empty if that has no window.
    drawers
        What draws each plot, by file name; those of `drawers_of` unless given.
    """
    made: dict[str, bytes] = {}
    missing: dict[str, str] = {}
    for name, draw in (drawers_of(manifest, measured) if drawers is None else drawers).items():
        try:
            made[name] = draw()
        except Exception as error:  # hours of training are worth more than a picture
            traceback.print_exc()  # to the run's log
            missing[name] = f"{type(error).__name__}: {error}"
    if measured:
        made["evaluation.json"] = json.dumps(measured, allow_nan=False).encode()
        made["evaluation.csv"] = as_csv(metric_rows(measured)).encode()
    return {"card.md": printable(_card(manifest, measured, missing)).encode(), **made}


def rewritten(folder: Path, manifest: Manifest) -> dict[str, bytes]:
    """Return the card of a bundle whose manifest has changed; plots and figures stay as they are."""
    measured: dict[str, Any] = {}
    if "evaluation.json" in manifest.files:
        measured = json.loads(read_file(folder, manifest, "evaluation.json"))
    drawn = drawers_of(manifest, measured)
    missing = {name: "it was not drawn" for name in drawn if name not in manifest.files}
    return {"card.md": printable(_card(manifest, measured, missing)).encode()}


Drawers = Mapping[str, Callable[[], bytes]]


def drawers_of(manifest: Manifest, measured: Mapping[str, Any]) -> dict[str, Callable[[], bytes]]:
    """Return a function for each plot of a bundle, by file name."""
    names = {label.key: label.name for label in manifest.labels}
    history = manifest.training.get("history")
    drawers: dict[str, Callable[[], bytes]] = {}
    if history:
        drawers["plots/training.svg"] = lambda: plots.render(plots.history(history, manifest.training["best_epoch"]))
    if measured:
        labels, grid = measured["overread"]["labels"], measured["overread"]["curve_grid"]
        drawers |= {
            "plots/roc.svg": lambda: plots.render(plots.curve_panels(labels, names, grid, "roc")),
            "plots/pr.svg": lambda: plots.render(plots.curve_panels(labels, names, grid, "pr")),
            "plots/reliability.svg": lambda: plots.render(plots.reliability_panels(labels, names)),
        }
    return drawers


def _card(manifest: Manifest, measured: Mapping[str, Any], missing: Missing) -> str:
    sections = [
        _what_it_is(manifest),
        _data(manifest),
        _preprocessing(manifest),
        _training(manifest, missing),
        *([metrics(manifest, measured, missing), subgroups(manifest, measured["overread"])] if measured else []),
        operating_points(manifest, measured, missing),
        *([_in_integers(manifest.integers)] if manifest.integers is not None else []),
        *([standing_still(manifest.stability)] if manifest.stability is not None else []),
        _limits(manifest, measured),
    ]
    return "\n\n".join(sections) + "\n"


def _what_it_is(manifest: Manifest) -> str:
    title = f"# {plain(manifest.paradigm)}, {plain(manifest.preset)}"
    labels = ", ".join(f"{plain(label.name)} (`{label.key}`)" for label in manifest.labels)
    return f"""{title}

**For research. Not for clinical use.** It is no medical device; nobody has shown that it helps or harms patients.

It reads a 12-lead ECG of 10 s or longer and gives a score and a calibrated probability for each of
{len(manifest.labels)} labels: {labels}.

- Architecture: {_architecture(manifest)}, preset {plain(manifest.preset)}, one output a label
- Leads: I, II, III, aVR, aVL, aVF, V1 to V6, in millivolt, at {manifest.preprocessing["target_rate_hz"]:g} Hz
- Made: {manifest.created_at:%Y-%m-%d %H:%M} UTC by {", ".join(f"{k} {v}" for k, v in manifest.versions.items())}
- Weights: SHA-256 `{manifest.weights_sha256}`"""


def _architecture(manifest: Manifest) -> str:
    own = manifest.own_encoder
    return manifest.architecture if own is None else f"an encoder of its own, `{own}`, whose code is not in the bundle"


def _data(manifest: Manifest) -> str:
    dataset, source = manifest.dataset, str(manifest.training.get("label_source", "unknown"))
    lines = ["## Data", "", f"Dataset SHA-256 `{manifest.dataset_sha256}`."]
    if manifest.attribution:
        lines += ["", plain(manifest.attribution)]
    lines += ["", f"It learned from the labels of {READINGS.get(source, plain(source))}."]
    if not dataset:
        return "\n".join(lines)
    simulated, windows = dataset["simulated"], dataset["windows"]
    if simulated:
        lines[-1] += f" **{simulated:,} of {windows:,} windows are simulated: no patient was attached to them.**"
    else:
        lines[-1] += " None of its windows is marked as simulated."
    sexes = ", ".join(f"{plain(sex)} {count:,}" for sex, count in dataset["sexes"].items())
    lines += [
        "",
        f"{windows:,} windows of {dataset['ecgs']:,} ECGs of {dataset['patients']:,} patients from {dataset['sites']:,}"
        f" named sites; windows by sex: {sexes}.",
        _shared_patients(dataset),
        "",
    ]
    splits = dataset["splits"]
    sides = [(split, reading) for split in splits for reading in ("overread", "machine")]
    header = ["Positive windows", *(f"{split}, {READINGS[reading]}" for split, reading in sides)]
    rows = [
        [plain(label.name), *(f"{splits[split][reading]['positives'].get(label.key, 0):,}" for split, reading in sides)]
        for label in manifest.labels
    ]
    rows.append(["*windows with the reading*", *(f"{splits[split][reading]['windows']:,}" for split, reading in sides)])
    rows.append(["*patients of the split*", *(f"{splits[split]['patients']:,}" for split, _ in sides)])
    return "\n".join([*lines, *table(header, rows)])


def _shared_patients(dataset: Mapping[str, Any]) -> str:
    """Return whether patients of the test split were in training."""
    shared = dataset.get("test_patients_in_training")
    if shared is None:
        return "Whether the splits share patients is unknown."
    if not shared:
        return "No patient of the test split is in the train or validation split."
    total = dataset["splits"]["test"]["patients"]
    return (
        f"**{shared:,} of the {total:,} patients of the test split are in the train or validation split too**: the"
        " dataset was split by ECG. The figures below are better than on new patients."
    )


def _preprocessing(manifest: Manifest) -> str:
    rows = [[f"`{name}`", f"`{json.dumps(value)}`"] for name, value in manifest.preprocessing.items()]
    return "\n".join(
        [
            "## Preprocessing",
            "",
            "The bundle applies these steps to every ECG: refuse unusable signals, resample to the target rate, cut",
            "windows, remove the baseline, z-score each lead, filter out the mains. A longer ECG gets the mean over",
            "its windows.",
            "",
            *table(["Step", "Value"], rows),
        ]
    )


def _training(manifest: Manifest, missing: Missing) -> str:
    told = {name: value for name, value in manifest.training.items() if name != "history"}
    rows = [[f"`{name}`", f"`{json.dumps(value)}`"] for name, value in told.items()]
    lines = ["## Training", "", *table(["Setting", "Value"], rows)]
    if manifest.training.get("history"):
        lines += ["", plot("plots/training.svg", "Loss and validation macro AUPRC by epoch", missing)]
    return "\n".join(lines)


def _in_integers(integers: Integers) -> str:
    return "\n".join(
        [
            "## In 8-bit integers",
            "",
            "Where there is no GPU the network computes in 8-bit integers, with thresholds and calibration of its own,",
            f"chosen on {integers.windows:,} windows of the validation split. Macro AUROC on them:",
            f"{integers.auroc:.4f} in integers, {integers.float_auroc:.4f} in float32.",
        ]
    )


def standing_still(stability: Stability) -> str:
    """Return what a card says of decisions that should not change: a table by label and change."""
    changes = list(stability.identical)
    rows = [
        [plain(key), *(f"{100 * same:.1f} % ({moved:.3f})" for same, moved in (by_change[name] for name in changes))]
        for key, by_change in stability.labels.items()
    ]
    rows += [
        ["*all labels*", *(f"{100 * stability.identical[name]:.2f} %" for name in changes)],
        ["*every label of the ECG*", *(f"{100 * stability.whole[name]:.1f} %" for name in changes)],
    ]
    return "\n".join(
        [
            "## Decisions that stand still",
            "",
            "The share of decisions that stay when an ECG is changed a little, and the largest difference of",
            f"probabilities; {stability.ecgs:,} ECGs, {plain(stability.source)}.",
            "",
            *table(["Label", *changes], rows),
        ]
    )


def _limits(manifest: Manifest, measured: Mapping[str, Any]) -> str:
    return "\n".join(["## Limits", "", *(f"- {limit}" for limit in _what_limits(manifest, measured))])


def _what_limits(manifest: Manifest, measured: Mapping[str, Any]) -> Iterator[str]:
    yield "**Not for clinical use.** No figure here says anything about patients elsewhere."
    yield "Labels come from reports by rules. What the rules miss is missing here, and over-readers err too."
    if manifest.dataset.get("simulated"):
        yield "Simulated ECGs are simpler than those of patients: figures on them say nothing about medicine."
    if manifest.training.get("label_source") == "machine":
        yield "It learned the machine's labels with the machine's errors, so figures against the machine are too good."
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
        yield f"Not measured, because the test split has one class only: {', '.join(map(plain, unmeasured))}."
    if few:
        yield f"Fewer than {FEW_POSITIVES} positive windows in the test split: {', '.join(map(plain, few))}."
    uncalibrated = [label.name for label in manifest.labels if label.calibration_rule == "identity"]
    if uncalibrated:
        yield f"Not calibrated, too few validation windows of a class: {', '.join(map(plain, uncalibrated))}."
