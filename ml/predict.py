"""From an ECG to calibrated labels, exactly as the bundle's model was trained."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit

from ml.bundle import InvalidBundle, read_manifest, read_weights
from ml.networks.build import build
from ml.signals.preprocessing import Preprocessing, preprocess

BATCH = 64


class Predictor:
    """A loaded bundle, on a GPU where there is one unless `device` says otherwise."""

    def __init__(self, folder: Path, device: str | None = None) -> None:
        self.manifest = read_manifest(folder)
        model = build(self.manifest.architecture, self.manifest.preset, len(self.manifest.labels))
        if model is None:
            raise InvalidBundle(f"{folder.name}: no network is called {self.manifest.preset}")
        self._device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.preprocessing = Preprocessing.from_dict(self.manifest.preprocessing)
        self._model = model
        try:
            self._model.load_state_dict(read_weights(folder, self.manifest))
        except RuntimeError as error:
            raise InvalidBundle(f"{folder.name}: the weights do not fit the network") from error
        self._model.to(self._device).eval()

    def predict(self, signal_mv: NDArray[np.float64], sampling_rate_hz: float) -> dict[str, Any]:
        """Answer for one ECG.

        Parameters
        ----------
        signal_mv
            (12, n), leads in canonical order.

        Returns
        -------
        `windows`, and for each of `labels` its `label` key and `name`, `score` (the sigmoid of the logit),
        `probability` (calibrated), `threshold` (on the score) and `positive`.

        A longer ECG has several windows and gets the mean of their logits. The mean is the same kind of number as one
        window's logit, so threshold and calibration hold for it; a maximum over k windows would grow with k, and a
        day of Holter would be positive of everything.

        Raises
        ------
        Unusable
            With every reason why the signal cannot be used.
        """
        windows = preprocess(signal_mv, sampling_rate_hz, self.preprocessing).values
        logits = self.window_logits(windows, np.arange(len(windows))).mean(axis=0)
        return {"windows": len(windows), "labels": self._answers(logits)}

    def window_logits(self, windows: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Give logits, (rows, labels), of some rows of a stack of windows, a batch at a time."""
        logits = np.empty((len(rows), len(self.manifest.labels)))
        with torch.inference_mode():
            for start in range(0, len(rows), BATCH):
                part = slice(start, start + BATCH)
                batch = torch.from_numpy(windows[rows[part]]).to(self._device).float()
                logits[part] = self._model(batch).double().cpu().numpy()
        return logits

    def window_probabilities(self, windows: NDArray[np.float32]) -> list[dict[str, float]]:
        """Give, for each of the windows (k, 12, samples), its calibrated probability of each label by key."""
        calibrated = self.probabilities(self.window_logits(windows, np.arange(len(windows))))
        keys = [label.key for label in self.manifest.labels]
        return [dict(zip(keys, row, strict=True)) for row in calibrated.tolist()]

    def probabilities(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Calibrate logits, (…, labels)."""
        slopes, biases = (
            np.array([getattr(label, part) for label in self.manifest.labels]) for part in ("slope", "bias")
        )
        calibrated: NDArray[np.float64] = expit(slopes * logits + biases)
        return calibrated

    def _answers(self, logits: NDArray[np.float64]) -> list[dict[str, Any]]:
        return [
            {
                "label": label.key,
                "name": label.name,
                "score": score,
                "probability": probability,
                "threshold": label.threshold,
                "positive": score >= label.threshold,
            }
            for label, score, probability in zip(
                self.manifest.labels, expit(logits).tolist(), self.probabilities(logits).tolist(), strict=True
            )
        ]
