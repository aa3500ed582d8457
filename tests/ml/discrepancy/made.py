"""Pairs whose changes follow from what is known of them, or follow from nothing."""

from typing import Any

import numpy as np
from scipy.special import expit, logit

from ml.discrepancy.ours import OURS

LABELS = ("one", "two")
PREVALENCE = 0.3
START = np.datetime64("2024-01-01T00:00:00", "us")


def made_rows(
    n: int, seed: int = 0, *, signal: bool = True, times: bool = True, waveforms: float = 1.0
) -> list[dict[str, Any]]:
    """Rows as `PairsFile` takes them, of 2 n / 3 patients.

    The machine errs more at the site "south" and hedges where it errs; a model's logits know the truth a little less well.
    With `signal` the expert says the truth, without it changes three in ten at random.
    """
    rng = np.random.default_rng(seed)
    truth = rng.random((n, 2)) < PREVALENCE
    south = rng.random(n) < 0.5
    machine = truth ^ (rng.random((n, 2)) < np.where(south, 0.35, 0.05)[:, None])
    hedged = machine & (rng.random((n, 2)) < np.where(machine != truth, 0.9, 0.1))
    overread = truth if signal else machine ^ (rng.random((n, 2)) < 0.3)
    logits = 2.0 * (np.where(truth, 1.0, -1.0) + rng.normal(size=(n, 2)))
    probabilities = expit(logits + logit(PREVALENCE))
    ours, known = rng.normal(size=(n, len(OURS))), rng.random(n) < waveforms
    days = rng.integers(0, 1000, n)

    def mask(said: np.ndarray) -> list[int]:
        return (said @ (1 << np.arange(2))).tolist()

    masks = {
        "machine_present": mask(machine & ~hedged), "machine_uncertain": mask(hedged),
        "overread_present": mask(overread), "overread_uncertain": [0] * n,
    }  # fmt: skip
    return [
        {
            "ecg_id": f"ecg{i}",
            "patient": f"patient{2 * i // 3}",
            "recorded_at": (START + np.timedelta64(int(days[i]), "D")).item() if times else None,
            "site": "south" if south[i] else "north",
            "device": "cart",
            "age": float(40 + days[i] % 50),
            "sex": ("male", "female", "unknown")[i % 3],
            "heart_rate": 70.0,
            **{name: values[i] for name, values in masks.items()},
            "logits": logits[i].tolist() if known[i] else None,
            "probabilities": probabilities[i].tolist() if known[i] else None,
            "ours": ours[i].tolist() if known[i] else None,
        }
        for i in range(n)
    ]
