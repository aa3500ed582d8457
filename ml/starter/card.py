"""The starter model's card, for people."""

from typing import Any

from ml.bundles.bundle import Manifest
from ml.bundles.card import standing_still
from ml.starter.ptbxl import CITATION

CARD = "card.md"

_TEXT = """# Overread starter model

**Not for clinical use.** A model to begin with, so that a fresh installation answers at once: train your own on your
own over-reads, and promote it.

- **What it is**: one network, `{architecture}` / `{preset}`: a forest on {measurements} measurements, and two small
  convolutional networks, one on the averaged beat and one on the whole window; their logits are added.
- **What it sees**: 12 leads, 10 s, 250 Hz, z-scored lead by lead. It restores the limb leads' proportions; the chest
  leads' size in millivolt it does not see, so hypertrophy is judged by shape.
- **What it learnt from**: {ecgs} ECGs of PTB-XL, folds 1–7, labels from the cardiologists' SCP codes and axis.
  Thresholds and calibration were chosen on fold 8, and the figures below are of fold 8 too: a little flattering.
- **Labels it hardly saw** (fewer than five positive ECGs): Atrial Flutter, Right Superior Axis Deviation, RVH and
  Posterior MI are learnt from simulated ECGs for the most part. Do not trust them before you have measured them.
- **Limits**: one device maker's ECGs, Germany, 1989–1996; adults; no paced rhythms to speak of.

Signals and labels: {citation}

| label | ECGs | positive | AUROC | AUPRC |
|---|--:|--:|--:|--:|
{rows}

Macro over the {macro_labels} labels with five positive ECGs or more: AUROC {macro_auroc:.3f}, AUPRC {macro_auprc:.3f}.
How it was made, and what else was tried: `docs/explanation/starter_model.md`.
"""


def card(manifest: Manifest) -> bytes:
    """Return the card of a bundle in Markdown."""
    measured = manifest.metrics["overread"]
    names = {label.key: label.name for label in manifest.labels}
    rows = [
        f"| {names[key]} | {each['windows']:.0f} | {each['positives']:.0f} | {_shown(each['auroc'])}"
        f" | {_shown(each['auprc'])} |"
        for key, each in measured["labels"].items()
    ]
    text = _TEXT.format(
        architecture=manifest.architecture,
        preset=manifest.preset,
        measurements=len(manifest.training["measurements"]),
        ecgs=manifest.training["ecgs"],
        citation=CITATION,
        rows="\n".join(rows),
        **{name: measured[name] for name in ("macro_labels", "macro_auroc", "macro_auprc")},
    )
    if manifest.stability is not None:
        text += "\n" + standing_still(manifest.stability) + "\n"
    return text.encode()


def _shown(metric: Any) -> str:
    return "–" if metric is None else f"{metric:.3f}"
