"""Many pairs put straight into the database, a few statements for all of them."""

from collections.abc import Sequence

from sqlalchemy import insert, text

from app.disagreement.pairs.queries import _cell_id, _value_ids
from app.ecgs.tables import Ecg
from app.kit.database import Database
from app.reports.queries import text_ids
from app.reports.tables import Report
from tests.app.disagreement.archive import LABELS, StoredPair

__all__ = ["LABELS", "StoredPair", "store"]

NAMES = ("site", "device", "device_software")


def store(database: Database, pairs: Sequence[StoredPair]) -> None:
    """Store ECGs and pairs; of their reports only that there is an over-read."""
    with database.begin() as session:
        [text_id] = text_ids(session, [("AF", None)])
        cells = {masks: _cell_id(session, *masks, 0) for masks in {pair.masks for pair in pairs}}
        named = {tuple(getattr(pair, name) for name in NAMES) for pair in pairs}
        ids = {each: _value_ids(session, dict(zip(NAMES, each, strict=True))) for each in named}
        ecgs = [
            {
                "id": pair.id,
                "waveform_sha256": pair.id.hex * 2,
                "samples": 5000,
                "sampling_rate_hz": 500,
                "recorded_at": pair.recorded_at,
                "simulated": pair.simulated,
                **{name: getattr(pair, name) for name in NAMES},
            }
            for pair in pairs
        ]
        session.execute(insert(Ecg), ecgs)
        reports = {"source": "overread", "reader": "", "version": 1, "current": True, "text_id": text_id}
        session.execute(insert(Report), [{"ecg_id": pair.id, **reports} for pair in pairs])
        session.execute(
            text(
                "INSERT INTO pairs (slot, ecg_id, cell_id, recorded_at, site_id, device_id, device_software_id, simulated) "
                "SELECT 0, * FROM unnest(CAST(:ids AS uuid[]), CAST(:cells AS int[]), CAST(:at AS timestamptz[]), "
                "CAST(:site AS int[]), CAST(:device AS int[]), CAST(:device_software AS int[]), "
                "CAST(:simulated AS boolean[]))"
            ),
            {
                "ids": [pair.id for pair in pairs],
                "cells": [cells[pair.masks] for pair in pairs],
                "at": [pair.recorded_at for pair in pairs],
                "simulated": [pair.simulated for pair in pairs],
                **{
                    name: [ids[tuple(getattr(pair, each) for each in NAMES)].get(name, 0) for pair in pairs]
                    for name in NAMES
                },
            },
        )
