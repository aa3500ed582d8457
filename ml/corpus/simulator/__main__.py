"""A simulated dataset without the service: `python -m ml.corpus.simulator FOLDER --ecgs 2000 --seed 0`."""

import argparse
import itertools
import sys
from pathlib import Path
from typing import Any, get_args

from ml.corpus.simulator.cases import AS_LIFE, CHANCE, simulate
from ml.corpus.simulator.machines import CHANCES, Machine, Rates
from ml.corpus.statements import StatementReader
from ml.corpus.store import StoreWriter
from ml.labeling import Labeler, Vocabulary, builtin_text
from ml.signals import Preprocessing, preprocess


def main() -> int:
    """Simulate ECGs, read their reports as those of patients are read, and freeze a dataset split by patient."""
    parser = argparse.ArgumentParser(prog="python -m ml.corpus.simulator", description=__doc__)
    parser.add_argument("folder", type=Path, help="of the dataset; it must not exist")
    parser.add_argument("--ecgs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rates", choices=get_args(Rates), default="boosted", help="how common the labels are")
    parser.add_argument("--difficulty", type=float, default=AS_LIFE, help="0: as textbooks draw it; 1: as in life")
    parser.add_argument("--machine", choices=get_args(Machine), default="rule", help="how the machine errs")
    parser.add_argument(
        "--chance",
        type=float,
        choices=CHANCES,
        default=CHANCE,
        help="the share of the errors by rule that is chance",
    )
    parser.add_argument("--unread", action="store_true", help="without over-reads: a corpus for self-training")
    arguments = parser.parse_args()
    if arguments.folder.exists():
        parser.error(f"{arguments.folder} is there already")
    try:
        ecgs = simulate(
            arguments.ecgs,
            arguments.seed,
            arguments.rates,
            machine=arguments.machine,
            difficulty=arguments.difficulty,
            chance=arguments.chance,
        )
        first = list(itertools.islice(ecgs, 1))
    except ValueError as error:
        parser.error(str(error))
    vocabulary = builtin_text()
    labeler, options = Labeler(Vocabulary.parse(vocabulary)), Preprocessing()
    reader = StatementReader(labeler)
    labels = [(label.key, label.name) for label in labeler.vocabulary.labels]
    with StoreWriter(arguments.folder, labels, options.to_dict(), vocabulary) as writer:
        for number, ecg in enumerate(itertools.chain(first, ecgs)):
            recording = ecg.recording
            windows = preprocess(recording.millivolts(), recording.sampling_rate_hz, options)
            said = {"overread": ecg.overread_report, "machine": ecg.machine_report}
            row: dict[str, Any] = {"ecg_id": f"simulated{number:07d}", "patient": ecg.patient_id}
            for source, text in said.items():
                if source == "overread" and arguments.unread:
                    continue
                reading = labeler.read(text)
                masks = reading.masks()
                row |= {f"{source}_present": masks.present, f"{source}_uncertain": masks.uncertain}
                row[f"{source}_statements"] = reader.statements_of(reading)
            row |= {
                "recorded_at": ecg.recorded_at,
                "sex": ecg.sex,
                "age": float(ecg.age),
                "site": ecg.site,
                "simulated": True,
            }
            cut = zip(windows.starts_s.tolist(), windows.scale_mv.tolist(), strict=True)
            writer.append(windows.values, [{**row, "start_s": start, "scale_mv": scale} for start, scale in cut])
        content_sha256 = writer.finish(arguments.seed)
    sys.stdout.write(f"{writer.summary['windows']} windows, sha256 {content_sha256}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
