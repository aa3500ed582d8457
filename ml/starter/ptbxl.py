"""PTB-XL as training data of the starter model: windows, the thirteen labels, and SCP codes as further targets.

Wagner et al. 2020 (CC BY 4.0). The rules of the labels: rhythms are positive where their code is; blocks, hypertrophy
and infarcts where one of their codes has a likelihood of 50 or more. Axes follow `heart_axis` and are unknown where it
is empty; a borderline axis does not count for the label that it borders on. Right superior axis has no code; it is
found in the report's words.
"""

import csv
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.archives.ptbxl import TABLE, scp_codes
from ml.inference.found import Record
from ml.inference.inputs import read_all
from ml.signals import Preprocessing

CITATION = (
    "Wagner P, Strodthoff N, Bousseljot R-D, Kreiseler D, Lunze FI, Samek W, Schaeffter T. "
    "PTB-XL, a large publicly available electrocardiography dataset. Scientific Data 7, 154 (2020). CC BY 4.0."
)

LABELS = {
    "sinus_rhythm": "Sinus Rhythm",
    "rbbb": "RBBB",
    "lbbb": "LBBB",
    "afib": "Atrial Fibrillation",
    "aflutter": "Atrial Flutter",
    "lad": "Left Axis Deviation",
    "rad": "Right Axis Deviation",
    "rsad": "Right Superior Axis Deviation",
    "lvh": "LVH",
    "rvh": "RVH",
    "anterior_mi": "Anterior MI",
    "inferior_mi": "Inferior MI",
    "posterior_mi": "Posterior MI",
}
_RHYTHMS = {"sinus_rhythm": "SR", "afib": "AFIB", "aflutter": "AFLT"}
_DIAGNOSES = {
    "rbbb": {"CRBBB"},
    "lbbb": {"CLBBB"},
    "lvh": {"LVH"},
    "rvh": {"RVH"},
    "anterior_mi": {"AMI", "ASMI", "ALMI"},
    "inferior_mi": {"IMI", "ILMI", "IPMI", "IPLMI"},
    "posterior_mi": {"PMI", "IPMI", "IPLMI"},
}
MIN_LIKELIHOOD = 50.0
_LEFT, _RIGHT = {"LAD", "ALAD"}, {"RAD", "ARAD"}
_BORDERLINE_LEFT, _BORDERLINE_RIGHT = "AXL", "AXR"
_RIGHT_SUPERIOR = re.compile(r"extrem (?:ue|ü)berdrehter rechtstyp|right superior axis", re.IGNORECASE)

# further targets: the axes of PTB-XL, and every code with enough ECGs to learn from
_AXES = (("LAD",), ("ALAD",), ("RAD", "ARAD", "AXR"), ("MID",))
MIN_OF_A_CODE = 15
_LEAST_SHARE = 0.3  # of a diagnosis that was named with a low likelihood


@dataclass(frozen=True, eq=False)
class Examples:
    """ECGs with their labels.

    Attributes
    ----------
    ecg_ids, folds
        (n,) int64.
    windows
        (n, 12, 2500) float32.
    positive, known
        (n, 13) bool, columns in the order of `LABELS`.
    further, further_known
        (n, f) shares in [0, 1] and bool, of the further targets.
    """

    ecg_ids: NDArray[np.int64]
    folds: NDArray[np.int64]
    windows: NDArray[np.float32]
    positive: NDArray[np.bool_]
    known: NDArray[np.bool_]
    further: NDArray[np.float32]
    further_known: NDArray[np.bool_]


def read_examples(folder: Path) -> Examples:
    """Return the first window of every ECG in a PTB-XL folder: raw at 500 Hz, or else z-scored at 250 Hz."""
    windows: dict[int, NDArray[np.float32]] = {}
    sources = [folder / "records500", folder / "ptbxl_zscored_250hz.npz"]
    for record in read_all([source for source in sources if source.exists()], Preprocessing()):
        if isinstance(record, Record):
            windows.setdefault(int(record.name.partition("_")[0]), record.windows[0])
    with (folder / TABLE).open(newline="", encoding="utf-8") as table:
        rows = [row for row in csv.DictReader(table) if int(row["ecg_id"]) in windows]
    codes = [scp_codes(row["scp_codes"]) for row in rows]
    labels = [label(code, row["heart_axis"], row["report"]) for code, row in zip(codes, rows, strict=True)]
    further, further_known = _further(codes, [row["heart_axis"] for row in rows])
    return Examples(
        ecg_ids=np.array([int(row["ecg_id"]) for row in rows]),
        folds=np.array([int(row["strat_fold"]) for row in rows]),
        windows=np.stack([windows[int(row["ecg_id"])] for row in rows]),
        positive=np.array([[each[key] is True for key in LABELS] for each in labels]),
        known=np.array([[each[key] is not None for key in LABELS] for each in labels]),
        further=further,
        further_known=further_known,
    )


def label(codes: Mapping[str, float], axis: str, report: str) -> dict[str, bool | None]:
    """Return the thirteen labels of one row of the table; None where a label is unknown."""
    labels: dict[str, bool | None] = {key: code in codes for key, code in _RHYTHMS.items()}
    for key, of_label in _DIAGNOSES.items():
        labels[key] = any(codes.get(code, -1) >= MIN_LIKELIHOOD for code in of_label)
    superior = _RIGHT_SUPERIOR.search(report) is not None
    labels["lad"] = None if axis == _BORDERLINE_LEFT else axis in _LEFT
    labels["rad"] = None if axis == _BORDERLINE_RIGHT else axis in _RIGHT
    labels["rsad"] = superior
    if not axis:
        labels |= {"lad": False, "rad": None} if superior else {"lad": None, "rad": None, "rsad": None}
    return labels


def _further(codes: list[dict[str, float]], axes: list[str]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    counted = Counter(code for of_ecg in codes for code in of_ecg)
    often = sorted(code for code, count in counted.items() if count >= MIN_OF_A_CODE)
    shares = np.zeros((len(codes), len(often) + len(_AXES)), np.float32)
    known = np.ones(shares.shape, bool)
    for row, (of_ecg, axis) in enumerate(zip(codes, axes, strict=True)):
        for column, code in enumerate(often):
            if code in of_ecg:  # a likelihood of 0 means that none was given
                shares[row, column] = max(of_ecg[code] / 100, _LEAST_SHARE) if of_ecg[code] else 1.0
        shares[row, len(often) :] = [axis in group for group in _AXES]
        known[row, len(often) :] = bool(axis)
    return shares, known
