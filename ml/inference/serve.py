"""The inference process: it reads questions as frames and writes answers as frames until its input closes.

A question's header is `{"bundle": folder, "sampling_rate_hz": number}`, with `"phrases": [text, …]` for a CLIP
model where there are any; its body is a `.npy` of float64 (12, n) mV.
The answer's header is `{"answer": …}` as `Predictor.predict` gives it, or `{"error": {"code", "detail", "reasons"}}`.
"""

import io
import sys
from collections import OrderedDict
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch

from ml.bundles.bundle import InvalidBundle
from ml.inference.predictor import Predictor
from ml.processes.frames import read_frame, write_frame
from ml.signals.quality import Unusable

KEPT_BUNDLES = 3
DEVICE_LOST = "device_lost"


def serve(questions: IO[bytes], answers: IO[bytes], device: str | None = None) -> None:
    """Answer until `questions` ends or the device is lost; the parent then starts another process.

    An invalid frame ends the process, because the start of the next frame is unknown.
    """
    bundles = Bundles(device)
    while True:
        try:
            header, body = read_frame(questions)
        except EOFError:
            return
        answer = _answer(bundles, header, body)
        write_frame(answers, answer)
        if answer.get("error", {}).get("code") == DEVICE_LOST:  # CUDA does not work in this process any more
            return


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


def _answer(bundles: Bundles, header: dict[str, Any], body: bytes) -> dict[str, Any]:
    try:
        signal_mv = np.load(io.BytesIO(body), allow_pickle=False)
        predictor, phrases = bundles[header["bundle"]], [str(phrase) for phrase in header.get("phrases", ())]
        return {"answer": predictor.predict(signal_mv, float(header["sampling_rate_hz"]), phrases)}
    except Unusable as error:
        reasons = [{"code": reason.code, "detail": reason.detail} for reason in error.reasons]
        return {"error": {"code": "unusable", "detail": str(error), "reasons": reasons}}
    except InvalidBundle as error:
        print(error, file=sys.stderr, flush=True)  # noqa: T201
        detail = "the model's files are missing, or are not those that were registered"
        return {"error": {"code": "bundle_damaged", "detail": detail, "reasons": []}}
    except Exception as error:  # a question that fails must not end the process
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)  # noqa: T201
        detail = f"the model could not answer ({type(error).__name__})"
        code = DEVICE_LOST if isinstance(error, torch.AcceleratorError) else "failed"
        return {"error": {"code": code, "detail": detail, "reasons": []}}
