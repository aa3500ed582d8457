"""Counts of a store for a model card."""

from typing import Any, get_args

import numpy as np

from ml.corpus.splits import SPLITS
from ml.corpus.store import Hedged, Source, Store


def facts(store: Store, hedged: Hedged) -> dict[str, Any]:
    """Count a store's windows, ECGs and patients, and each split's positives by either source.

    Returns
    -------
    `windows`, `ecgs`, `patients`, `simulated` (windows), `sites`, `sexes` and `splits`. A split has `windows`,
    `patients` and, for each source, `windows` and `positives` by label. `test_patients_in_training` counts the patients
    of the test split whom the train or validation split has too: none, unless the dataset was split by ECG.
    """
    splits = {}
    for split in SPLITS:
        rows = store.rows(split)
        counted: dict[str, Any] = {"windows": len(rows), "patients": len(np.unique(store.column("patient")[rows]))}
        for source in get_args(Source):
            positive, counts = (part[rows] for part in store.targets(source, hedged))
            totals = (positive * counts).sum(axis=0).astype(int).tolist()
            counted[source] = {
                "windows": int(counts.any(axis=1).sum()),
                "positives": {key: total for (key, _), total in zip(store.labels, totals, strict=True)},
            }
        splits[split] = counted
    simulated = store.table.column("simulated").fill_null(False).to_numpy()
    sexes = store.table.column("sex").fill_null("unknown").to_numpy()
    return {
        "windows": len(store.table),
        "ecgs": len(store.table.column("ecg_id").unique()),
        "patients": len(store.table.column("patient").unique()),
        "simulated": int(simulated.sum()),
        "test_patients_in_training": _test_patients_in_training(store),
        "sites": len(store.table.column("site").drop_null().unique()),
        "sexes": {str(name): int(count) for name, count in zip(*np.unique(sexes, return_counts=True), strict=True)},
        "splits": splits,
    }


def _test_patients_in_training(store: Store) -> int:
    patients, split = store.column("patient"), store.column("split")
    return len(np.intersect1d(patients[split == "test"], patients[np.isin(split, ("train", "validation"))]))
