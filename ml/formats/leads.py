"""Leads by name, in any writing, to the canonical twelve."""

import re

import numpy as np
from numpy.typing import NDArray

from ml.formats.recording import LEADS, MISSING, Reason, Unreadable

_CANONICAL = {lead.lower(): lead for lead in LEADS}
_DECORATION = re.compile(r"^(?:mdc_ecg_lead_|ecg[ _-]?|lead[ _-]?)+|[ _-]+|\(.*\)$", re.IGNORECASE)
_STORED_EIGHT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")


def canonical_lead(name: str) -> str | None:
    """Give the canonical name of a lead ("avr", "Lead I", "MDC_ECG_LEAD_V1"), None for anything else."""
    return _CANONICAL.get(_DECORATION.sub("", name.strip()).lower())


def canonical_order(
    samples: dict[str, NDArray[np.int32]], gain: dict[str, float]
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Stack leads in canonical order; (12, n) int32 and (12,) ADC units per mV.

    Where only I, II and V1–V6 were stored (as MUSE does) the other four follow from Einthoven's and Goldberger's
    definitions: III = II − I, aVR = −(I + II)/2, aVL = I − II/2, aVF = II − I/2; the halves are exact because
    those leads get twice the gain. Raises `Unreadable` naming the leads that are missing.
    """
    missing = [lead for lead in LEADS if lead not in samples]
    if missing and all(lead in samples for lead in _STORED_EIGHT) and gain["I"] == gain["II"]:
        derived, derived_gain = _derive(samples["I"].astype(np.int64), samples["II"].astype(np.int64), gain["I"])
        for lead in missing:
            samples[lead], gain[lead] = derived[lead], derived_gain[lead]
    elif missing:
        raise Unreadable([Reason("missing_leads", f"missing leads: {', '.join(missing)}")])
    return np.stack([samples[lead] for lead in LEADS]), np.array([gain[lead] for lead in LEADS], np.float64)


def _derive(
    one: NDArray[np.int64], two: NDArray[np.int64], gain: float
) -> tuple[dict[str, NDArray[np.int32]], dict[str, float]]:
    unknown = (one == MISSING) | (two == MISSING)
    twice = {"aVR": -(one + two), "aVL": 2 * one - two, "aVF": 2 * two - one}
    leads = {"III": two - one, **twice}
    derived = {lead: np.where(unknown, MISSING, values).astype(np.int32) for lead, values in leads.items()}
    return derived, {"III": gain, **dict.fromkeys(twice, 2 * gain)}
