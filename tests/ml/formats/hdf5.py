"""HDF5 files as SPH and CODE have them."""

import io
from typing import Any

import h5py
import numpy as np

from ml.formats import LEADS, Recording

CODE_ORDER = [LEADS.index(lead) for lead in ("I", "II", "III", "aVL", "aVF", "aVR", *LEADS[6:])]


def hdf5_file(name: str, data: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w") as written:
        written.create_dataset(name, data=data, **options)
    return file.getvalue()


def sph_file(recording: Recording) -> bytes:
    return hdf5_file("ecg", recording.millivolts().astype("<f2"), compression="gzip", compression_opts=9)


def padded(signal_mv: np.ndarray, samples: int = 4096) -> np.ndarray:
    """Return (12, n) as CODE has it: (1, 4096, 12), zeros at both ends."""
    before = (samples - signal_mv.shape[1]) // 2
    whole = np.zeros((1, samples, 12))
    whole[0, before : before + signal_mv.shape[1]] = signal_mv.T
    return whole


def code_file(signal_mv: np.ndarray, **options: Any) -> bytes:
    return hdf5_file("tracings", padded(signal_mv).astype("<f4"), **options)
