"""What the end of a run adds to its bundle."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.bundles import patients
from ml.bundles.start import seen_before
from ml.corpus.store import Store
from ml.inference.optimise import optimise
from ml.inference.stability import add_stability, recordings_in
from ml.processes.run_folder import RECORDINGS


def measure_whole(folder: Path, store: Store, say: Callable[[str], None], *, allow_own: bool) -> None:
    """Add what is measured on the whole bundle: the network in integers, and how its decisions stand still."""
    say("computing in integers")
    optimise(folder / "bundle", store)
    if (folder / RECORDINGS).is_dir():
        say("measuring how its decisions stand still")
        add_stability(folder / "bundle", recordings_in(folder), "of the validation split", allow_own=allow_own)


def seen_patients(
    store: Store, rows: NDArray[np.int64], unlabelled: set[str], start: Path | None
) -> patients.SeenPatients:
    """Return the patients of rows, of the unlabelled dataset, and of the bundle that the run began with."""
    seen = {*store.column("patient")[rows].tolist(), *unlabelled}
    before = seen_before(start) if start is not None else None
    return patients.SeenPatients.of_run(seen, before, started=start is not None)
