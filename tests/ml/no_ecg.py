"""Windows that are no ECGs: what measures a window has to end with numbers on them, too."""

import numpy as np
import pytest

NO_ECG = pytest.mark.parametrize(
    "window",
    [
        np.zeros((12, 2500)),
        np.random.default_rng(0).standard_normal((12, 2500)),
        np.random.default_rng(0).standard_normal((12, 1500)),
        np.eye(12, 2500, 1240),
        np.sin(np.arange(12 * 2500).reshape(12, 2500)),
    ],
    ids=["flat", "noise", "short noise", "spikes", "sine"],
)
