"""PTB-XL as a dataset for training and studies, without the service: `python -m ml.starter.corpus PTBXL FOLDER`.

The over-read is the thirteen labels of PTB-XL's codes (`ml/starter/ptbxl.py`), the machine is the rule reader, because
PTB-XL has no device's readings beside its experts'. A label that PTB-XL leaves open (an axis that nobody wrote down)
is uncertain in the over-read: train and evaluate with `hedged: ignore`. The ECGs are those of the table whose record is
in `records500`, and those in `ptbxl_zscored_250hz.npz`, where that file is there: of these no voltage is known.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ml.archives.entry import Entry
from ml.archives.ptbxl import COLUMNS, FOLD, TABLE, codes_of, entry_of, scp_codes
from ml.archives.tables import Row, read_table
from ml.corpus.statements import Statement, StatementReader
from ml.corpus.store import StoreWriter
from ml.formats.disk import record_at
from ml.inference.found import Record
from ml.inference.windows import read_windows
from ml.labeling import Labeler, Vocabulary, builtin_text
from ml.rules import RuleReading, read, read_window
from ml.signals import Preprocessing, Unusable, preprocess
from ml.starter.ptbxl import LABELS, label

WINDOWS = "ptbxl_zscored_250hz.npz"


class ReadEcg(NamedTuple):
    """An ECG of PTB-XL: its row, its first window, (12, 2500), its scale where known, and what the rules say of it."""

    row: Row
    entry: Entry
    window: NDArray[np.float32]
    scale_mv: list[float] | None
    by_rule: RuleReading


def read_all(folder: Path) -> Iterator[ReadEcg]:
    """Yield every ECG of a folder that has a signal which the rules can read, in the table's order."""
    options, more = Preprocessing(), folder / WINDOWS
    cut = {}
    if more.exists():
        cut = {found.name: found.windows[0] for found in read_windows(more, options) if isinstance(found, Record)}
    for row in read_table(folder / TABLE, COLUMNS, (FOLD,)):
        entry = entry_of(row, folder) if isinstance(row, Row) else row
        if not (isinstance(row, Row) and isinstance(entry, Entry)):
            continue
        sex = entry.facts.sex or "unknown"
        window, scale_mv = cut.get(row.cells["ecg_id"]), None
        if entry.signal is not None and entry.signal.is_file() and (record := record_at(entry.signal)) is not None:
            recording = record.read().recording
            try:
                windows = preprocess(recording.millivolts(), recording.sampling_rate_hz, options)
            except Unusable:
                continue
            window, scale_mv = windows.values[0], windows.scale_mv[0].tolist()
            by_rule = read(recording, sex=sex)
        elif window is not None:
            by_rule = read_window(window, millivolts=False, sex=sex)
        else:
            continue
        if not by_rule.not_readable:
            yield ReadEcg(row, entry, window, scale_mv, by_rule)


def write(folder: Path, out: Path, seed: int) -> dict[str, Any]:
    """Freeze the ECGs of a PTB-XL folder as a dataset, split by patient, and return its summary."""
    vocabulary = builtin_text()
    labeler = Labeler(Vocabulary.parse(vocabulary))
    reader = StatementReader(labeler)
    with StoreWriter(out, list(LABELS.items()), Preprocessing().to_dict(), vocabulary) as writer:
        for ecg in read_all(folder):
            writer.append(ecg.window[None], [_row(ecg, labeler, reader)])
        writer.finish(seed)
    return writer.summary


def _row(ecg: ReadEcg, labeler: Labeler, reader: StatementReader) -> dict[str, Any]:
    cells, facts = ecg.row.cells, ecg.entry.facts
    codes = scp_codes(cells["scp_codes"])
    known = label(codes, cells["heart_axis"], cells["report"])
    overread = labeler.read_codes(codes_of(codes, cells["heart_axis"]))
    machine = labeler.read("\n".join(each.text for each in ecg.by_rule.statements))  # without its measurements
    said = ecg.by_rule.findings
    statements: dict[str, list[Statement]] = {
        "overread_statements": reader.statements_of(overread),
        "machine_statements": reader.statements_of(machine),
    }
    return {
        "ecg_id": cells["ecg_id"],
        "start_s": 0.0,
        "scale_mv": ecg.scale_mv,
        "patient": facts.patient_id or f"ecg:{cells['ecg_id']}",
        "overread_present": _mask(lambda key: known[key] is True),
        "overread_uncertain": _mask(lambda key: known[key] is None),
        "machine_present": _mask(lambda key: key in said),
        "machine_uncertain": 0,
        "recorded_at": facts.recorded_at,
        "sex": facts.sex,
        "age": facts.age,
        "site": facts.site,
        "fold": facts.fold,
        "simulated": False,
        **statements,
    }


def _mask(holds: Callable[[str], bool]) -> int:
    return sum(1 << bit for bit, key in enumerate(LABELS) if holds(key))


def main() -> int:
    """Freeze a dataset."""
    parser = argparse.ArgumentParser(prog="python -m ml.starter.corpus", description=__doc__)
    parser.add_argument("ptbxl", type=Path, help="folder with ptbxl_database.csv")
    parser.add_argument("folder", type=Path, help="of the dataset; it must not exist")
    parser.add_argument("--seed", type=int, default=0, help="of the split")
    arguments = parser.parse_args()
    if arguments.folder.exists():
        parser.error(f"{arguments.folder} is there already")
    summary = write(arguments.ptbxl, arguments.folder, arguments.seed)
    sys.stdout.write(f"{summary['ecgs']:,} ECGs of {summary['patients']:,} patients\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
