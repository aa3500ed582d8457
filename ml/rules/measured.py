"""What the rules measure of a z-scored window, and their scores, in one order: for a network that learns from them.

Voltages are left out: such a window does not have them. `RULES_SHA256` changes with the rules: a model that learnt from
their scores must then learn again.
"""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.formats.recording import LEADS
from ml.measurements import Beats, find_beats
from ml.rules.evidence import evidence_of
from ml.rules.rule_book import rule_book


def rule_measurements(window: NDArray[Any], beats: Beats) -> NDArray[np.float32]:
    """Return what is measured of a window, (12, n) at 250 Hz, z-scored lead by lead: (len(RULE_MEASUREMENTS),).

    `beats` are those of the window; n is at most 2500.
    """
    return np.array(list(_named(window, beats).values()), np.float32)


def _named(window: NDArray[Any], beats: Beats) -> dict[str, float]:
    evidence = evidence_of(np.asarray(window, np.float64), beats, millivolts=False)
    rule_book().score(evidence, "unknown")
    return {f"rule_{name}": value for name, value in evidence.items() if not name.endswith("_mv")}


_NOISE = np.random.default_rng(0).standard_normal((len(LEADS), 2500))
RULE_MEASUREMENTS = tuple(_named(_NOISE, find_beats(_NOISE)))
"""Names of what `rule_measurements` returns, in the same order."""

RULES_SHA256 = hashlib.sha256(repr([each.rule for each in rule_book().rules]).encode()).hexdigest()
