"""Freezing a dataset: stream the chosen ECGs, cut windows, write the training store, register it."""

import shutil
from collections import Counter
from typing import Any

from sqlalchemy.orm import Session

from app.datasets import queries
from app.datasets.queries import Choice, Read
from app.datasets.schemas import DatasetIn
from app.datasets.tables import Dataset
from app.jobs.run import Finish, JobFailed, JobRun
from app.kit.database import Json
from app.vocabularies.service import Labelers
from ml.corpus.store import StoreWriter
from ml.signals import Preprocessing, Unusable, preprocess

BATCH = 200
SAY_EVERY = 50


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
        choice = Choice(rules.id, request.recorded_from, request.recorded_to, request.site, request.device)
        labels = [(label.key, label.name) for label in rules.vocabulary.labels]
        with StoreWriter(folder, labels, options.to_dict()) as writer:
            ecgs = 0
            for read in queries.readings(session, choice, BATCH):
                recording = run.archive.waveform(read.ecg)
                try:
                    windows = preprocess(recording.millivolts(), recording.sampling_rate_hz, options)
                except Unusable as error:
                    left_out.update(reason.code for reason in error.reasons)
                    continue
                writer.append(windows.values, [_row(read, start) for start in windows.starts_s])
                ecgs += 1
                if ecgs % SAY_EVERY == 0:
                    run.progress(0.0, f"{ecgs} ECGs cut into windows")
                run.check()
            if ecgs == 0:
                raise JobFailed("no ECG of this choice has an over-read and a usable signal")
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


def _row(read: Read, start_s: float) -> dict[str, Any]:
    """Describe one window. Without a patient number an ECG stands for a patient of its own."""
    ecg, overread, machine = read
    return {
        "ecg_id": str(ecg.id),
        "start_s": float(start_s),
        "patient": ecg.patient_hash.hex() if ecg.patient_hash is not None else f"ecg:{ecg.waveform_sha256}",
        "overread_present": overread.present,
        "overread_uncertain": overread.uncertain,
        "machine_present": machine.present if machine is not None else None,
        "machine_uncertain": machine.uncertain if machine is not None else None,
        "recorded_at": ecg.recorded_at,
        "sex": ecg.sex,
        "age": ecg.age,
        "site": ecg.site,
        "simulated": ecg.simulated,
    }
