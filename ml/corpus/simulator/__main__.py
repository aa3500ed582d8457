"""A simulated dataset without the service: `python -m ml.corpus.simulator FOLDER --ecgs 2000 --seed 0`."""

import argparse
import sys
from pathlib import Path
from typing import get_args

from ml.corpus.simulator.cases import Rates, simulate
from ml.corpus.store import StoreWriter
from ml.labeling import Labeler, builtin
from ml.signals import Preprocessing, preprocess


def main() -> int:
    """Simulate ECGs, read their reports as those of patients are read, and freeze a dataset split by patient."""
    parser = argparse.ArgumentParser(prog="python -m ml.corpus.simulator", description=__doc__)
    parser.add_argument("folder", type=Path, help="of the dataset; it must not exist")
    parser.add_argument("--ecgs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rates", choices=get_args(Rates), default="boosted", help="how common the labels are")
    arguments = parser.parse_args()
    if arguments.folder.exists():
        parser.error(f"{arguments.folder} is there already")
    labeler, options = Labeler(builtin()), Preprocessing()
    labels = [(label.key, label.name) for label in labeler.vocabulary.labels]
    with StoreWriter(arguments.folder, labels, options.to_dict()) as writer:
        for number, ecg in enumerate(simulate(arguments.ecgs, arguments.seed, arguments.rates)):
            recording = ecg.recording
            windows = preprocess(recording.millivolts(), recording.sampling_rate_hz, options)
            overread, machine = (labeler.read(text).masks() for text in (ecg.overread_report, ecg.machine_report))
            row = {
                "ecg_id": f"simulated{number:07d}",
                "patient": ecg.patient_id,
                "overread_present": overread[0],
                "overread_uncertain": overread[1],
                "machine_present": machine[0],
                "machine_uncertain": machine[1],
                "recorded_at": ecg.recorded_at,
                "sex": ecg.sex,
                "age": float(ecg.age),
                "site": ecg.site,
                "simulated": True,
            }
            writer.append(windows.values, [{**row, "start_s": float(start)} for start in windows.starts_s])
        content_sha256 = writer.finish(arguments.seed)
    sys.stdout.write(f"{writer.summary['windows']} windows, sha256 {content_sha256}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
