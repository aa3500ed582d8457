"""`python -m ml.inference.onnx_file BUNDLE FILE`: a bundle's model as an ONNX file, for programs without Overread.

The file holds the network in float32, calibration, and as metadata what a program has to know: labels with their
thresholds, leads, and the preprocessing from signal to window, which it does not do. As a child of the service it
writes one line of JSON on standard output: null, or the reason why a model cannot be written so.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ml.bundles.bundle import InvalidBundle, Manifest, read_manifest
from ml.bundles.network import encoder_of, of_bundle, tokenizer_of
from ml.networks.beatnet import BeatNet
from ml.networks.clip import Clip
from ml.networks.ecg import can_be_a_graph
from ml.networks.onnx_graph import LOGITS, WINDOW
from ml.networks.onnx_model import PROBABILITIES, Calibration, whole_model
from ml.processes.durable import write_whole
from ml.signals.preprocessing import Preprocessing

KEY = "overread"
"""The key of the file's metadata that has everything as JSON."""


class NoGraph(ValueError):
    """The model cannot be written as ONNX; the message says why."""


def onnx_file(folder: Path) -> bytes:
    """Return a bundle's model as an ONNX file. Raises `InvalidBundle`, and `NoGraph` where the network is no ResNet."""
    manifest = read_manifest(folder)
    if manifest.own_encoder is not None:
        raise NoGraph("its encoder is your own code: torch.onnx.export writes it")
    model = of_bundle(folder, manifest).eval()
    if isinstance(model, BeatNet):
        raise NoGraph("the starter model measures beats before it learns: it is no network of standard operators")
    network = encoder_of(model)
    if not can_be_a_graph(network):
        raise NoGraph("only ResNets are written as ONNX")
    return whole_model(
        network,
        Preprocessing.from_dict(manifest.preprocessing).samples,
        [Calibration(label.slope, label.bias, label.knots) for label in manifest.labels],
        texts=_label_texts(model, manifest) if isinstance(model, Clip) else None,
        metadata={KEY: json.dumps(about(manifest), sort_keys=True)},
    )


def about(manifest: Manifest) -> dict[str, Any]:
    """Return what the file says of itself."""
    steps = Preprocessing.from_dict(manifest.preprocessing)
    label = {"key", "name", "threshold", "threshold_rule", "calibration_rule"}
    return {
        "notice": "For research. Not for clinical use.",
        "paradigm": manifest.paradigm,
        "weights_sha256": manifest.weights_sha256,
        "dataset_sha256": manifest.dataset_sha256,
        "attribution": manifest.attribution,
        "input": {
            "name": WINDOW,
            "shape": ["windows", len(manifest.leads), steps.samples],
            "unit": "standard deviations of the lead in the window",
            "leads": list(manifest.leads),
            "sampling_rate_hz": steps.target_rate_hz,
            "preprocessing": manifest.preprocessing,
        },
        "outputs": {
            LOGITS: "of each label; of an ECG of several windows their mean",
            PROBABILITIES: "calibrated, of the logits of one window",
        },
        "positive": "sigmoid(logit) is the threshold or greater",
        "labels": [each.model_dump(mode="json", include=label) for each in manifest.labels],
    }


def _label_texts(model: Clip, manifest: Manifest) -> NDArray[np.float64]:
    """Return the unit embedding of each label's prompts, (labels, d)."""
    text = manifest.text
    assert text is not None
    tokenizer = tokenizer_of(text)
    prompts = [(tokenizer(text.prompts[label.key]), text.weights.get(label.key)) for label in manifest.labels]
    with torch.inference_mode():
        return model.prompt_embeddings(prompts, torch.device("cpu")).double().numpy()


def main() -> None:
    """Write the file of the bundle that the first argument names to the second."""
    reason = None
    try:
        write_whole(Path(sys.argv[2]), onnx_file(Path(sys.argv[1])))
    except (InvalidBundle, NoGraph) as error:
        reason = str(error)
    print(json.dumps(reason))  # noqa: T201


if __name__ == "__main__":
    main()
