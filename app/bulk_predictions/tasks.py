"""The step of a job that asks a model about many ECGs.

Each part of the ECGs becomes a file that is whole or absent. A job that was interrupted goes on after the last of them;
at the end they are put together.
"""

import io
import shutil
import uuid
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy.orm import Session

from app.bulk_predictions import queries
from app.bulk_predictions.schemas import BulkPrediction
from app.ecgs.service import record_fault
from app.ecgs.tables import Ecg
from app.erasures.queries import count as count_erasures
from app.jobs.run import WORKER, Finish, JobFailed, JobRun
from app.kit import audit
from app.kit.database import Json
from app.kit.store import ObjectFault
from app.models import queries as models
from app.predictions.child import AboutEcg, Reply, WarmChild
from app.vocabularies.queries import hold
from ml.processes.durable import sync, write_whole

JOB = "predict"
FILE = "predictions.parquet"
PART = 500
TOGETHER = 16
ANSWER_WITHIN_S = 120.0
_ERASURES = "erasures"
_IDS = 2**128


def predict(run: JobRun) -> Finish:
    """Ask about the chosen ECGs. What has no answer has a reason in its row, and is counted by it."""
    request = BulkPrediction.model_validate(run.params)
    folder = run.folders.place("exports", run.id)
    parts = folder / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    if not (folder / _ERASURES).exists():
        write_whole(folder / _ERASURES, str(run.transaction(count_erasures)).encode())
    labels = run.transaction(partial(_labels, model_id=request.model))
    schema = _schema(labels, request.model)
    log = run.settings.data_dir / "logs" / "bulk_predictions.txt"
    with run.opened("models", request.model) as bundle, WarmChild(log) as child:
        while ecgs := run.transaction(partial(_next, request=request, last=_last(parts))):
            rows: list[Json] = []
            for start in range(0, len(ecgs), TOGETHER):
                some = ecgs[start : start + TOGETHER]
                rows += [_row(ecg, reply, labels) for ecg, reply in _replies(run, child, bundle, some)]
                run.check()
            content = io.BytesIO()
            pq.write_table(pa.Table.from_pylist(rows, schema), content)
            write_whole(parts / f"{ecgs[-1].id}.parquet", content.getvalue())
            run.progress(0.99 * int(ecgs[-1].id) / _IDS, f"asked about the ECGs up to {str(ecgs[-1].id)[:8]}…")
    counted = _put_together(parts, folder / FILE, schema)
    run.keep("exports", run.id, [FILE])
    return partial(_finish, run, folder, request=request, counted=counted)


def _finish(run: JobRun, folder: Path, session: Session, *, request: BulkPrediction, counted: Json) -> Json:
    hold(session)
    if str(count_erasures(session)) != (folder / _ERASURES).read_text():
        run.folders.remove("exports", run.id)
        raise JobFailed("an ECG was erased while this was written; ask again")
    after = {"ecgs": counted["ecgs"], **request.model_dump(mode="json", by_alias=True, exclude_none=True)}
    audit.record(session, WORKER, "predict", "archive", resource_id=run.id, after=after)
    shutil.rmtree(folder / "parts", ignore_errors=True)
    return {**counted, "model_id": str(request.model), "kept_days": run.settings.export_days}


def _labels(session: Session, model_id: uuid.UUID) -> list[str]:
    model = models.by_id(session, model_id)
    if model is None:
        raise JobFailed("the model is not there any more")
    return [label["key"] for label in model.manifest["labels"]]


def _next(session: Session, request: BulkPrediction, last: uuid.UUID | None) -> Sequence[Ecg]:
    return queries.ecgs_after(session, request, last, PART)


def _last(parts: Path) -> uuid.UUID | None:
    """Return the last ECG of the parts that are there; ids in hexadecimal are in the order of ids."""
    return max((uuid.UUID(path.stem) for path in parts.glob("*.parquet")), default=None)


def _replies(run: JobRun, child: WarmChild, bundle: Path, ecgs: Sequence[Ecg]) -> list[tuple[Ecg, Reply]]:
    faults: dict[uuid.UUID, Reply] = {}
    questions: dict[uuid.UUID, AboutEcg] = {}
    for ecg in ecgs:
        try:
            recording = run.archive.waveform(ecg)
        except ObjectFault as fault:
            run.transaction(partial(record_fault, actor=WORKER, ecg_id=ecg.id, fault=fault))
            faults[ecg.id] = {"error": {"code": fault.code}}
        else:
            questions[ecg.id] = AboutEcg(bundle, recording.millivolts(), recording.sampling_rate_hz)
    replies = child.ask_each(list(questions.values()), timeout_s=ANSWER_WITHIN_S)
    if any(reply.get("error", {}).get("code") == "bundle_damaged" for reply in replies):
        raise JobFailed("the model's files are missing, or are not those that were registered")
    answered = dict(zip(questions, replies, strict=True))
    return [(ecg, answered.get(ecg.id) or faults[ecg.id]) for ecg in ecgs]


def _schema(labels: Sequence[str], model_id: uuid.UUID) -> pa.Schema:
    fields = [("ecg_id", pa.string()), ("windows", pa.int32()), ("error", pa.string())]
    for label in labels:
        fields += [(f"probability_{label}", pa.float64()), (f"positive_{label}", pa.bool_())]
    return pa.schema(fields, metadata={"model_id": str(model_id)})


def _row(ecg: Ecg, reply: Reply, labels: Sequence[str]) -> Json:
    row: dict[str, Any] = {"ecg_id": str(ecg.id)}
    if (answer := reply.get("answer")) is None:
        return {**row, "error": reply["error"]["code"]}
    said = {each["label"]: each for each in answer["labels"]}
    row["windows"] = answer["windows"]
    for label in labels:
        row[f"probability_{label}"], row[f"positive_{label}"] = said[label]["probability"], said[label]["positive"]
    return row


def _put_together(parts: Path, path: Path, schema: pa.Schema) -> Json:
    """Write the parts into one file, part by part, and return what they hold."""
    ecgs, left_out = 0, Counter[str]()
    building = path.with_name(f".{path.name}")
    with pq.ParquetWriter(building, schema) as writer:
        for part in sorted(parts.glob("*.parquet")):
            table = pq.read_table(part)
            ecgs += len(table)
            left_out.update(code for code in table["error"].to_pylist() if code is not None)
            writer.write_table(table)
    sync(building)
    building.rename(path)
    sync(path.parent)
    file = {"name": FILE, "bytes": path.stat().st_size}
    return {"ecgs": ecgs, "left_out": dict(left_out), "files": [file]}
