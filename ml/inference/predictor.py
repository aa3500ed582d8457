"""From an ECG to calibrated labels, with the preprocessing of the bundle's training."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor

from ml.bundles.bundle import read_manifest
from ml.bundles.network import of_bundle, tokenizer_of
from ml.evaluation.metrics import check_finite
from ml.labeling.normaliser import normaliser
from ml.networks.clip import Clip
from ml.signals.preprocessing import Preprocessing, preprocess

BATCH = 64


class NoTextSide(ValueError):
    """Phrases were given to a model without a text encoder."""


class Predictor:
    """A loaded bundle, on a GPU if there is one, unless `device` names another device.

    `allow_own`: import the encoder of a bundle that names one outside Overread. Allow it only for bundles you trust.
    """

    def __init__(self, folder: Path, device: str | None = None, *, allow_own: bool = False) -> None:
        self.manifest = read_manifest(folder)
        self._device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.preprocessing = Preprocessing.from_dict(self.manifest.preprocessing)
        self._model = of_bundle(folder, self.manifest, allow_own).to(self._device).eval()
        text = self.manifest.text
        if text is not None:
            self._tokenizer, self._normal = tokenizer_of(text), normaliser(text.vocabulary)
            self._labels = self._embedded([text.prompts[label.key] for label in self.manifest.labels])

    def predict(
        self, signal_mv: NDArray[np.float64], sampling_rate_hz: float, phrases: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Return the answer for one ECG.

        Parameters
        ----------
        signal_mv
            (12, n), leads in canonical order.
        phrases
            Statements to compare with the ECG, for models with a text encoder.

        Returns
        -------
        `windows`; for each of `labels` its `label` key and `name`, `score` (the sigmoid of the logit), `probability`
        (calibrated), `threshold` (on the score) and `positive`; for each of `statements` the `phrase` and its
        `similarity`, the cosine between ECG and phrase, from −1 to 1. A CLIP model's logit is the cosine between the
        ECG and the label's prompts.

        The logits of a longer ECG are the means over its windows. A mean is on the scale of one window's logit, so that
        threshold and calibration apply; a maximum over k windows would grow with k, and a day of Holter would be
        positive for every label.

        Raises
        ------
        Unusable
            With every reason why the signal cannot be used.
        NoTextSide
            When there are phrases and the model has no text encoder.
        """
        if phrases and self.manifest.text is None:
            raise NoTextSide("this model has no text encoder: phrases need a CLIP or NegCLIP model")
        windows = preprocess(signal_mv, sampling_rate_hz, self.preprocessing).values
        asked = self._embedded([[self._normal(phrase)] for phrase in phrases]) if phrases else None
        scores = self._scores(windows, np.arange(len(windows)), asked).mean(axis=0)
        logits, similarities = scores[: len(self.manifest.labels)], scores[len(self.manifest.labels) :].tolist()
        statements = [{"phrase": phrase, "similarity": x} for phrase, x in zip(phrases, similarities, strict=True)]
        return {"windows": len(windows), "labels": self._answers(logits), "statements": statements}

    def window_logits(self, windows: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the logits, (rows, labels), of some rows of a stack of windows, computed in batches."""
        return self._scores(windows, rows, None)

    def window_probabilities(self, windows: NDArray[np.float32]) -> list[dict[str, float]]:
        """Return the calibrated probability of each label, by key, for each of the windows (k, 12, samples)."""
        calibrated = self.probabilities(self.window_logits(windows, np.arange(len(windows))))
        keys = [label.key for label in self.manifest.labels]
        return [dict(zip(keys, row, strict=True)) for row in calibrated.tolist()]

    def probabilities(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the calibrated probabilities of logits, (…, labels)."""
        labels = self.manifest.labels
        return np.stack([label.probability(logits[..., k]) for k, label in enumerate(labels)], axis=-1)

    def _scores(self, windows: NDArray[Any], rows: NDArray[np.int64], asked: Tensor | None) -> NDArray[np.float64]:
        """Return for each row its logits, followed by its similarities with phrases, (k, d)."""
        scores = np.empty((len(rows), len(self.manifest.labels) + (0 if asked is None else len(asked))))
        with torch.inference_mode():
            for start in range(0, len(rows), BATCH):
                part = slice(start, start + BATCH)
                batch = torch.from_numpy(windows[rows[part]]).to(self._device).float()
                if isinstance(self._model, Clip):
                    texts = self._labels if asked is None else torch.cat([self._labels, asked])
                    scores[part] = (self._model.encode_ecgs(batch) @ texts.T).double().cpu().numpy()
                else:
                    scores[part] = self._model(batch).double().cpu().numpy()
        check_finite(scores, "scores of the model")
        return scores

    def _embedded(self, phrases: Sequence[Sequence[str]]) -> Tensor:
        """Return for each list of phrases the mean of their embeddings, normalised to length 1, (lists, d)."""
        assert isinstance(self._model, Clip)
        with torch.inference_mode():
            return self._model.prompt_embeddings([self._tokenizer(each) for each in phrases], self._device)

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
