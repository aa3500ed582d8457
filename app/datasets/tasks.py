"""Freezing a dataset: stream the chosen ECGs, cut windows, write the training store, register it."""

import json
import shutil
from collections import Counter
from functools import lru_cache
from typing import Any

from sqlalchemy.orm import Session

from app.datasets import queries
from app.datasets.queries import Choice, Read
from app.datasets.schemas import DatasetIn
from app.datasets.tables import Dataset
from app.jobs.run import Finish, JobFailed, JobRun
from app.kit.database import Json
from app.reports.tables import Labeling, StoredText
from app.vocabularies.queries import yaml_of
from app.vocabularies.service import Labelers
from ml.corpus.statements import Statement, statements_of
from ml.corpus.store import StoreWriter
from ml.labeling import Labeler
from ml.labeling.batch import read as read_report
from ml.signals import Preprocessing, Unusable, preprocess

BATCH = 200
SAY_EVERY = 50
READ_TEXTS = 50_000  # kept while a dataset is built


def build(run: JobRun) -> Finish:
    """Build the dataset a job asks for. An ECG that gives no window is left out and counted by reason."""
    request = DatasetIn.model_validate(run.params)
    options = Preprocessing()
    folder = run.settings.datasets_dir / str(run.id)
    shutil.rmtree(folder, ignore_errors=True)  # an earlier attempt's
    folder.parent.mkdir(parents=True, exist_ok=True)
    left_out: Counter[str] = Counter()
    with run.database.begin() as session:
        rules = Labelers().active(session)
        choice = Choice(
            rules.id,
            request.recorded_from,
            request.recorded_to,
            request.site,
            request.device,
            without_overread=request.overread == "absent",
        )
        labels = [(label.key, label.name) for label in rules.vocabulary.labels]
        says = Statements(rules.labeler)
        with StoreWriter(folder, labels, options.to_dict(), yaml_of(session, rules.id)) as writer:
            ecgs = 0
            for read in queries.readings(session, choice, BATCH):
                recording = run.archive.waveform(read.ecg)
                try:
                    windows = preprocess(recording.millivolts(), recording.sampling_rate_hz, options)
                except Unusable as error:
                    left_out.update(reason.code for reason in error.reasons)
                    continue
                writer.append(windows.values, [_row(read, says, start) for start in windows.starts_s])
                ecgs += 1
                if ecgs % SAY_EVERY == 0:
                    run.progress(0.0, f"{ecgs} ECGs cut into windows")
                run.check()
            if ecgs == 0:
                have = "has" if request.overread == "required" else "lacks"
                raise JobFailed(f"no ECG of this choice {have} an over-read and has a usable signal")
            run.progress(0.9, f"{ecgs} ECGs cut into windows; hashing")
            fractions = request.fractions
            content_sha256 = writer.finish(request.seed, (fractions.train, fractions.validation, fractions.test))
    summary = {**writer.summary, "left_out": dict(left_out)}

    def register(session: Session) -> Json:
        row = Dataset(
            id=run.id,
            job_id=run.id,
            name=request.name,
            content_sha256=content_sha256,
            vocabulary_id=rules.id,
            request=run.params,
            summary=summary,
        )
        session.add(row)
        session.flush()
        return {"dataset_id": str(row.id), "content_sha256": content_sha256, **summary}

    return register


class Statements:
    """What texts say, each read once: reports repeat themselves."""

    def __init__(self, labeler: Labeler) -> None:
        self._labeler = labeler
        self._read_again = lru_cache(maxsize=READ_TEXTS)(self._read)

    def of(self, said: tuple[StoredText, Labeling] | None) -> tuple[Statement, ...] | None:
        """Give a report's statements; None where there is no report."""
        if said is None:
            return None
        text = said[0]
        return self._read_again(text.text, json.dumps(text.codes))

    def _read(self, words: str | None, codes: str) -> tuple[Statement, ...]:
        return tuple(statements_of(self._labeler, read_report(self._labeler, words, json.loads(codes))))


def _row(read: Read, says: Statements, start_s: float) -> dict[str, Any]:
    """Describe one window. Without a patient number an ECG stands for a patient of its own."""
    ecg = read.ecg
    masks: dict[str, int | None] = {}
    for source, said in (("overread", read.overread), ("machine", read.machine)):
        masks[f"{source}_present"] = said[1].present if said is not None else None
        masks[f"{source}_uncertain"] = said[1].uncertain if said is not None else None
    return {
        "ecg_id": str(ecg.id),
        "start_s": float(start_s),
        "patient": ecg.patient_hash.hex() if ecg.patient_hash is not None else f"ecg:{ecg.waveform_sha256}",
        **masks,
        "overread_statements": says.of(read.overread),
        "machine_statements": says.of(read.machine),
        "recorded_at": ecg.recorded_at,
        "sex": ecg.sex,
        "age": ecg.age,
        "site": ecg.site,
        "simulated": ecg.simulated,
    }
