"""From an ECG to calibrated labels, exactly as the bundle's model was trained; and the warm child that does it."""

import io
import os
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit

from ml.bundle import InvalidBundle, read_manifest, read_weights
from ml.frames import read_frame, write_frame
from ml.networks.resnet1d import PRESETS, ResNet1d
from ml.signals.preprocessing import Preprocessing, Unusable, preprocess

BATCH = 64
KEPT_MODELS = 3


class Predictor:
    """A loaded bundle."""

    def __init__(self, folder: Path, device: str | None = None) -> None:
        self.manifest = read_manifest(folder)
        self._device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._preprocessing = Preprocessing.from_dict(self.manifest.preprocessing)
        self._model = ResNet1d(PRESETS[self.manifest.preset], len(self.manifest.labels))
        self._model.load_state_dict(read_weights(folder, self.manifest))
        self._model.to(self._device).eval()

    def predict(self, signal_mv: NDArray[np.float64], sampling_rate_hz: float) -> dict[str, Any]:
        """Answer for one ECG (12 × samples, mV): `windows` and, per label, score, probability, threshold, positive.

        An ECG of several windows gets the mean of their logits: one noisy window moves it least, and a single
        window's answer is itself. Raises `Unusable`.
        """
        windows = preprocess(signal_mv, sampling_rate_hz, self._preprocessing).values
        logits = self.window_logits(windows, np.arange(len(windows))).mean(axis=0)
        return {"windows": len(windows), "labels": [self._label(k, float(z)) for k, z in enumerate(logits)]}

    def window_logits(self, windows: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Give logits, (rows, labels), of some rows of a stack of windows, a batch at a time."""
        answers = []
        with torch.inference_mode():
            for start in range(0, len(rows), BATCH):
                batch = torch.from_numpy(windows[rows[start : start + BATCH]].astype(np.float32))
                answers.append(self._model(batch.to(self._device)).double().cpu().numpy())
        return np.concatenate(answers)

    def _label(self, k: int, logit: float) -> dict[str, Any]:
        label = self.manifest.labels[k]
        score = float(expit(logit))
        return {
            "label": label.key,
            "name": label.name,
            "score": score,
            "probability": float(expit(label.slope * logit + label.bias)),
            "threshold": label.threshold,
            "positive": score >= label.threshold,
        }


def serve() -> None:
    """Answer questions over standard input and output until the input closes: the warm child."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not write into the answers
    torch.set_num_threads(max(1, (os.cpu_count() or 1)))
    loaded: OrderedDict[str, Predictor] = OrderedDict()
    while True:
        try:
            header, body = read_frame(sys.stdin.buffer)
        except EOFError:
            return
        write_frame(answers, _answer(loaded, header, body))


def _answer(loaded: "OrderedDict[str, Predictor]", header: dict[str, Any], body: bytes) -> dict[str, Any]:
    try:
        signal_mv = np.load(io.BytesIO(body), allow_pickle=False)
        predictor = _load(loaded, str(header["bundle"]))
        return {"answer": predictor.predict(signal_mv, float(header["sampling_rate_hz"]))}
    except Unusable as error:
        reasons = [{"code": reason.code, "detail": reason.detail} for reason in error.reasons]
        return {"error": {"code": "unusable", "detail": str(error), "reasons": reasons}}
    except (InvalidBundle, KeyError, ValueError, RuntimeError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)  # noqa: T201
        return {"error": {"code": "failed", "detail": f"the model could not answer ({type(error).__name__})"}}


def _load(loaded: "OrderedDict[str, Predictor]", folder: str) -> Predictor:
    if folder not in loaded:
        loaded[folder] = Predictor(Path(folder))
        if len(loaded) > KEPT_MODELS:
            loaded.popitem(last=False)
    loaded.move_to_end(folder)
    return loaded[folder]
