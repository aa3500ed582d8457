"""An ECG as a row that a discrepancy model learns from, and is asked about: the same for both."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import logit

from app.ecgs.tables import Ecg
from app.kit.database import Json
from ml.discrepancy.ours import measured
from ml.formats.ecg_file import MEASURED
from ml.formats.recording import Recording
from ml.signals import Unusable

_SUREST = 1e-12  # beyond this a score says no more


def facts(ecg: Ecg) -> dict[str, Any]:
    """Return what is known of an ECG without its waveform. Its patient is the key that datasets have for it."""
    own = ecg.waveform_sha256 or str(ecg.id)
    return {
        "ecg_id": str(ecg.id),
        "patient": ecg.patient_hash.hex() if ecg.patient_hash is not None else f"ecg:{own}",
        **{name: getattr(ecg, name) for name in ("recorded_at", "site", "device", "device_software", "age", "sex")},
        **{name: getattr(ecg, name) for name in MEASURED},
    }


def of_answer(labels: Sequence[Json]) -> dict[str, Any]:
    """Return what a model's answer says of each label: its logit and its calibrated probability."""
    scores = np.array([each["score"] for each in labels], np.float64)
    return {
        "logits": logit(np.clip(scores, _SUREST, 1 - _SUREST)).tolist(),
        "probabilities": [each["probability"] for each in labels],
    }


def of_waveform(recording: Recording) -> dict[str, Any]:
    """Return our measurements of a waveform; nothing where it cannot be used."""
    try:
        return {"ours": measured(recording.millivolts(), recording.sampling_rate_hz).tolist()}
    except Unusable:
        return {}
