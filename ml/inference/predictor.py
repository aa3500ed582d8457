"""From ECGs to calibrated labels, with the preprocessing of the bundle's training.

The same ECG gives the same numbers, to the last bit: alone or among others, in any order, in every process of a
machine. `ml.inference.engine` says how.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit

from ml.bundles.bundle import read_manifest
from ml.bundles.network import of_bundle, tokenizer_of
from ml.corpus.statements import normaliser
from ml.evaluation.metrics import check_finite
from ml.inference.engine import engine_for, one_thread
from ml.networks.clip import Clip
from ml.signals.preprocessing import Preprocessing, preprocess

Vectors = NDArray[np.float64]


class NoTextSide(ValueError):
    """Phrases were given to a model without a text encoder."""


class Question(NamedTuple):
    """An ECG, (12, n) in mV with leads in canonical order, and statements to compare it with."""

    signal_mv: NDArray[np.float64]
    sampling_rate_hz: float
    phrases: Sequence[str] = ()


class Predictor:
    """A loaded bundle, on a GPU if there is one, unless `device` names another device.

    `allow_own`: import the encoder of a bundle that names one outside Overread. Allow it only for bundles you trust.
    `ranges`: those of the activations, to compute in 8-bit integers before the bundle says so.

    Attributes
    ----------
    labels
        The operating points in use: those of the 8-bit network where the bundle has one and no GPU is used.
    """

    def __init__(
        self,
        folder: Path,
        device: str | None = None,
        *,
        allow_own: bool = False,
        ranges: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        self.manifest = manifest = read_manifest(folder)
        self._device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.preprocessing = Preprocessing.from_dict(manifest.preprocessing)
        model = of_bundle(folder, manifest, allow_own).to(self._device).eval()
        in_integers = manifest.integers if self._device.type == "cpu" else None
        self.labels = manifest.labels if in_integers is None else in_integers.labels
        if ranges is None and in_integers is not None:
            ranges = in_integers.ranges
        self._outputs = engine_for(model, self._device, self.preprocessing.samples, ranges)
        self._clip = model if isinstance(model, Clip) else None
        text = manifest.text
        if text is not None:
            self._tokenizer, self._normal = tokenizer_of(text), normaliser(text.vocabulary)
            self._label_texts = self._embedded(
                [(text.prompts[label.key], text.weights.get(label.key)) for label in manifest.labels]
            )

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
        [answer] = self.predict_each([Question(signal_mv, sampling_rate_hz, phrases)])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def predict_each(self, questions: Sequence[Question]) -> list[dict[str, Any] | Exception]:
        """Return the answer of `predict` for each question, or what it raises: none harms another's answer."""
        found: dict[int, dict[str, Any] | Exception] = {}
        windows: dict[int, NDArray[np.float32]] = {}
        for number, question in enumerate(questions):
            try:
                if question.phrases and self.manifest.text is None:
                    raise NoTextSide("this model has no text encoder: phrases need a CLIP or NegCLIP model")
                signal_mv, rate_hz = question.signal_mv, question.sampling_rate_hz
                windows[number] = preprocess(signal_mv, rate_hz, self.preprocessing).values
            except Exception as error:
                found[number] = error
        for number, outputs in self._outputs_of(windows).items():
            try:
                found[number] = self._answer(outputs(), questions[number].phrases)
            except Exception as error:
                found[number] = error
        return [found[number] for number in range(len(questions))]

    def window_logits(self, windows: NDArray[Any], rows: NDArray[np.int64]) -> Vectors:
        """Return the logits, (rows, labels), of some rows of a stack of windows (n, 12, samples)."""
        logits = np.empty((0, len(self.labels))) if not len(rows) else self._logits(self._outputs(windows, rows))
        check_finite(logits, "scores of the model")
        return logits

    def window_probabilities(self, windows: NDArray[np.float32]) -> list[dict[str, float]]:
        """Return the calibrated probability of each label, by key, for each of the windows (k, 12, samples)."""
        calibrated = self.probabilities(self.window_logits(windows, np.arange(len(windows))))
        keys = [label.key for label in self.labels]
        return [dict(zip(keys, row, strict=True)) for row in calibrated.tolist()]

    def probabilities(self, logits: Vectors) -> Vectors:
        """Return the calibrated probabilities of logits, (…, labels)."""
        return np.stack([label.probability(logits[..., k]) for k, label in enumerate(self.labels)], axis=-1)

    def positive(self, logits: Vectors) -> NDArray[np.bool_]:
        """Return which labels logits, (…, labels), are positive for."""
        decided: NDArray[np.bool_] = expit(logits) >= np.array([label.threshold for label in self.labels])
        return decided

    def _outputs_of(self, windows: Mapping[int, NDArray[np.float32]]) -> dict[int, Callable[[], Vectors]]:
        """Return what gives the network's outputs for each question's windows; all were computed together.

        Where the network fails on them, each question's are computed alone: then only the one that is to blame fails.
        """
        if not windows:
            return {}
        together = np.concatenate(list(windows.values()))
        try:
            outputs = self._outputs(together, np.arange(len(together)))
        except Exception:
            return {number: partial(self._outputs, own, np.arange(len(own))) for number, own in windows.items()}
        ends = np.cumsum([len(each) for each in windows.values()])[:-1]
        parts = np.split(outputs, ends)
        return {number: partial(np.asarray, part) for number, part in zip(windows, parts, strict=True)}

    def _answer(self, outputs: Vectors, phrases: Sequence[str]) -> dict[str, Any]:
        logits = self._logits(outputs)
        check_finite(logits, "scores of the model")
        texts = [self._embedded([([self._normal(phrase)], None)])[0] for phrase in phrases]
        said = [float(_cosines(outputs, text[None]).mean(axis=0)[0]) for text in texts]
        return {
            "windows": len(outputs),
            "labels": self._answers(logits.mean(axis=0)),
            "statements": [{"phrase": phrase, "similarity": x} for phrase, x in zip(phrases, said, strict=True)],
        }

    def _logits(self, outputs: Vectors) -> Vectors:
        return outputs if self._clip is None else _cosines(outputs, self._label_texts)

    def _embedded(self, lists: Sequence[tuple[Sequence[str], Sequence[float] | None]]) -> Vectors:
        """Return for each list of phrases the weighted mean of their embeddings, of length 1, (lists, d)."""
        assert self._clip is not None
        with one_thread(), torch.inference_mode():
            found = self._clip.prompt_embeddings(
                [(self._tokenizer(each), weights) for each, weights in lists], self._device
            )
        return found.double().cpu().numpy()

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
                self.labels, expit(logits).tolist(), self.probabilities(logits).tolist(), strict=True
            )
        ]


def _cosines(outputs: Vectors, texts: Vectors) -> Vectors:
    """Return the cosine of each output (n, d) with each text (k, d), (n, k), without BLAS."""
    lengths = np.maximum(np.sqrt(np.square(outputs).sum(axis=1, keepdims=True)), 1e-12)
    unit = outputs / lengths
    return np.stack([(unit * text).sum(axis=1) for text in texts], axis=1)
