"""How a model's decisions stand still when nothing that matters changes.

Of the same ECG, digitised again 1 ms later, the programs of 1968 to 1976 repeated 43 to 76 % of their statements. The
same bytes give the same numbers here in any case: see `ml.inference.engine`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

from ml.bundles.bundle import Stability, amend
from ml.bundles.card import rewritten
from ml.formats.waveform import decode
from ml.inference.predictor import Predictor, Question
from ml.processes.run_folder import RECORDINGS

SHIFTS_MS = (1, 2, 4, 8)
NOISE_MV = 0.02

Ecg = tuple[NDArray[np.float64], float]
"""(12, n) in mV, and samples a second."""


def later(ecg: Ecg, milliseconds: float) -> Ecg:
    """Return an ECG as it is when recording begins later; the last value is held. Between samples: quintic splines."""
    signal_mv, rate_hz = ecg
    return ndimage.shift(signal_mv, (0, -milliseconds * rate_hz / 1000), order=5, mode="nearest"), rate_hz


def resampled(ecg: Ecg, up: int, down: int) -> Ecg:
    """Return an ECG at up / down times the rate, low-passed as a recorder of that rate would."""
    signal_mv, rate_hz = ecg
    return signal.resample_poly(signal_mv, up, down, axis=-1, padtype="line"), rate_hz * up / down


def noisy(ecg: Ecg) -> Ecg:
    """Return an ECG with 20 µV of white noise, the same each time."""
    signal_mv, rate_hz = ecg
    return signal_mv + np.random.default_rng(0).normal(0, NOISE_MV, signal_mv.shape), rate_hz


CHANGES: Mapping[str, Callable[[Ecg], Ecg]] = {
    **{f"{ms} ms later": lambda ecg, ms=ms: later(ecg, ms) for ms in SHIFTS_MS},  # type: ignore[misc]
    "half the sampling rate": lambda ecg: resampled(ecg, 1, 2),
    "twice the sampling rate": lambda ecg: resampled(ecg, 2, 1),
    "20 µV of noise": noisy,
}
"""What is done to an ECG. Half the rate is left out where it is too low for the model."""


def measure(predictor: Predictor, ecgs: Iterable[Ecg], source: str) -> Stability:
    """Return how a model's decisions and probabilities stand still over some ECGs, which `source` names.

    ECGs that the model cannot use, as they are or changed, are left out. Raises `ValueError` where none is left.
    """
    same: dict[str, list[NDArray[np.bool_]]] = {}
    moved: dict[str, list[NDArray[np.float64]]] = {}
    count = 0
    for ecg in ecgs:
        asked = {"": ecg, **{name: change(ecg) for name, change in CHANGES.items()}}
        asked = {name: each for name, each in asked.items() if each[1] >= predictor.preprocessing.target_rate_hz}
        answers = predictor.predict_each([Question(*each) for each in asked.values()])
        if any(isinstance(answer, Exception) for answer in answers):
            continue
        count += 1
        said = dict(zip(asked, (answer["labels"] for answer in answers if isinstance(answer, dict)), strict=True))
        positive = {name: np.array([label["positive"] for label in each]) for name, each in said.items()}
        likely = {name: np.array([label["probability"] for label in each]) for name, each in said.items()}
        for name in said.keys() - {""}:
            same.setdefault(name, []).append(positive[name] == positive[""])
            moved.setdefault(name, []).append(np.abs(likely[name] - likely[""]))
    if not count:
        raise ValueError("none of the ECGs can be used")
    named = [name for name in CHANGES if name in same]
    return Stability(
        ecgs=count,
        source=source,
        identical={name: float(np.mean(same[name])) for name in named},
        whole={name: float(np.all(same[name], axis=1).mean()) for name in named},
        labels={
            label.key: {
                name: (
                    float(np.mean([each[k] for each in same[name]])),
                    float(max(each[k] for each in moved[name])),
                )
                for name in named
            }
            for k, label in enumerate(predictor.labels)
        },
    )


def recordings_in(folder: Path) -> Iterator[Ecg]:
    """Yield the ECGs of a run folder's `recordings`."""
    for path in sorted((folder / RECORDINGS).iterdir()):
        recording = decode(path.read_bytes())
        yield recording.millivolts(), recording.sampling_rate_hz


def add_stability(bundle: Path, ecgs: Iterable[Ecg], source: str, *, allow_own: bool = False) -> None:
    """Measure a bundle and write it into its manifest and card. The folder is replaced."""
    found = measure(Predictor(bundle, allow_own=allow_own), ecgs, source)
    amend(bundle, {"stability": found.model_dump()}, lambda complete: rewritten(bundle, complete))
