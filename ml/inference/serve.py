"""The inference process: it reads frames of questions and writes frames of answers until its input closes.

The header of a frame is `{"questions": [question, …]}`, a question `{"bundle": folder, "sampling_rate_hz": number,
"bytes": number}`, with `"phrases": [text, …]` for a CLIP model where there are any. The body is one `.npy` of float64
(12, n) mV after the other, each as long as its question says. `{"load": [folder, …]}` loads bundles and asks nothing.

The answer's header is `{"loaded": [folder, …]}`, the bundles that are loaded now. Its body is a JSON list with one
`{"answer": …}` a question, as `Predictor.predict` gives it, or `{"error": {"code", "detail", "reasons"}}`.
"""

import io
import json
import sys
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch

from ml.bundles.bundle import InvalidBundle
from ml.inference.predictor import Predictor, Question
from ml.processes.frames import read_frame, write_frame
from ml.signals.quality import Unusable

KEPT_BUNDLES = 3
DEVICE_LOST = "device_lost"

Reply = dict[str, Any]


def serve(questions: IO[bytes], answers: IO[bytes], device: str | None = None) -> None:
    """Answer until `questions` ends or the device is lost; the parent then starts another process.

    An invalid frame ends the process, because the start of the next frame is unknown.
    """
    torch.set_num_threads(1)  # windows are computed beside each other instead: see `ml.inference.engine`
    bundles = Bundles(device)
    while True:
        try:
            header, body = read_frame(questions)
        except EOFError:
            return
        for folder in header.get("load", ()):
            _load(bundles, folder)
        replies = _answers(bundles, header.get("questions", ()), body)
        write_frame(answers, {"loaded": list(bundles)}, json.dumps(replies, allow_nan=False).encode())
        if any(reply.get("error", {}).get("code") == DEVICE_LOST for reply in replies):
            return  # CUDA does not work in this process any more


class Bundles:
    """The last bundles asked for, loaded. The files of a bundle never change, so its path is its key."""

    def __init__(self, device: str | None) -> None:
        self._device = device
        self._loaded: OrderedDict[str, Predictor] = OrderedDict()

    def __getitem__(self, folder: str) -> Predictor:
        """Return a bundle, loaded where it was not yet."""
        if folder not in self._loaded:
            self._loaded[folder] = Predictor(Path(folder), self._device)
            if len(self._loaded) > KEPT_BUNDLES:
                self._loaded.popitem(last=False)
        self._loaded.move_to_end(folder)
        return self._loaded[folder]

    def __iter__(self) -> Iterator[str]:
        """Return the loaded bundles' folders, the last one asked for last."""
        return iter(list(self._loaded))


def _load(bundles: Bundles, folder: str) -> None:
    try:
        bundles[folder]
    except Exception as error:  # the question about it will say so
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)  # noqa: T201


def _answers(bundles: Bundles, questions: list[dict[str, Any]], body: bytes) -> list[Reply]:
    """Return a reply to each question. Those about one bundle are answered together."""
    replies: dict[int, Reply] = {}
    of_bundle: defaultdict[str, dict[int, Question]] = defaultdict(dict)
    start = 0
    for number, asked in enumerate(questions):
        try:
            content = memoryview(body)[start : (start := start + int(asked["bytes"]))]
            signal_mv = np.load(io.BytesIO(content), allow_pickle=False)
            phrases = [str(phrase) for phrase in asked.get("phrases", ())]
            question = Question(signal_mv, float(asked["sampling_rate_hz"]), phrases)
            of_bundle[asked["bundle"]][number] = question
        except Exception as error:
            replies[number] = _refusal(error)
    for folder, own in of_bundle.items():
        try:
            answers = bundles[folder].predict_each(list(own.values()))
        except Exception as error:
            answers = [error] * len(own)
        for number, answer in zip(own, answers, strict=True):
            replies[number] = _refusal(answer) if isinstance(answer, Exception) else {"answer": answer}
    return [replies[number] for number in range(len(questions))]


def _refusal(error: Exception) -> Reply:
    """Return what is answered where there is no answer: a question that fails must not end the process."""
    if isinstance(error, Unusable):
        reasons = [{"code": reason.code, "detail": reason.detail} for reason in error.reasons]
        return {"error": {"code": "unusable", "detail": str(error), "reasons": reasons}}
    if isinstance(error, InvalidBundle):
        print(error, file=sys.stderr, flush=True)  # noqa: T201
        detail = "the model's files are missing, or are not those that were registered"
        return {"error": {"code": "bundle_damaged", "detail": detail, "reasons": []}}
    print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)  # noqa: T201
    detail = f"the model could not answer ({type(error).__name__})"
    code = DEVICE_LOST if isinstance(error, torch.AcceleratorError) else "failed"
    return {"error": {"code": code, "detail": detail, "reasons": []}}
