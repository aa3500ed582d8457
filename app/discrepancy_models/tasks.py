"""Learning what experts change: pairs are collected with a model's logits, and a child learns from them."""

import shutil
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from app.discrepancy_models import queries, rows
from app.discrepancy_models.queries import PairedEcg
from app.discrepancy_models.schemas import DiscrepancyModelIn
from app.discrepancy_models.service import answering
from app.discrepancy_models.tables import DiscrepancyModel
from app.ecgs.filters import wants_simulated
from app.ecgs.service import record_fault
from app.jobs.child import pass_on, run_child, write_config
from app.jobs.run import Finish, JobFailed, JobRun
from app.kit.database import Json
from app.kit.store import ObjectFault
from app.models import queries as models
from app.predictions.child import AboutEcg, ChildDied, WarmChild
from app.vocabularies.queries import hold
from app.vocabularies.service import Labelers
from ml.discrepancy.fit import OUT
from ml.discrepancy.folder import FEWEST_PAIRS
from ml.discrepancy.pairs import FILE, PairsFile

ACTOR = "discrepancy model job"
BATCH = 200
ANSWER_WITHIN_S = 60.0
MOST_DEATHS = 5  # of the inference process, before the job gives up
COLLECTED = 0.6  # of the job's progress


class Basis(NamedTuple):
    """What a discrepancy model is for, and the ECGs whose pairs it learns from."""

    vocabulary_id: uuid.UUID
    vocabulary: str
    labels: list[str]
    slot: int
    model_id: uuid.UUID | None
    simulated: bool
    ecg_ids: list[uuid.UUID]


def learn(run: JobRun) -> Finish:
    """Make a discrepancy model. A job that is repeated begins again."""
    request = DiscrepancyModelIn.model_validate(run.params)
    basis = run.transaction(partial(_basis, request=request))
    if len(basis.ecg_ids) < FEWEST_PAIRS:
        raise JobFailed(f"{len(basis.ecg_ids)} pairs; {FEWEST_PAIRS} are needed to learn what experts change")
    folder = run.folders.place("runs", run.id)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with ExitStack() as stack:
            bundle = None
            if basis.model_id is not None:
                bundle = stack.enter_context(run.opened("models", basis.model_id))
            collected = _collect(run, basis, bundle, folder)
            config: Json = {"vocabulary": basis.vocabulary, "labels": basis.labels, "seed": request.seed}
            if bundle is not None:
                config |= {"model": str(basis.model_id), "bundle": str(bundle)}
            write_config(folder, config)
            manifest = run_child(run, ["discrepancy", str(folder)], folder / "log.txt", _later(run))
        made = run.folders.place("discrepancy", run.id)
        shutil.rmtree(made, ignore_errors=True)  # an earlier attempt's, of which no row speaks
        made.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(folder / OUT, made)
        run.keep("discrepancy", run.id)
    finally:
        for name in (FILE, OUT):  # what an erasure would not find
            with suppress(FileNotFoundError):
                (folder / name).unlink() if name == FILE else shutil.rmtree(folder / name)
    table = manifest["table"]
    summary = {
        "pairs": len(collected.ecg_ids),
        "with_logits": collected.with_logits,
        "split": manifest["split"],
        "verdicts": {name: table[name]["verdict"] for name in ("held_out", "out_of_fold")},
    }

    def register(session: Session) -> Json:
        hold(session)  # what is erased from now on finds this model
        row = DiscrepancyModel(
            id=run.id,
            job_id=run.id,
            name=request.name or f"changes-{str(run.id)[:8]}",
            vocabulary_id=basis.vocabulary_id,
            model_id=basis.model_id,
            simulated=basis.simulated,
            summary=summary,
            measured=table,
        )
        session.add(row)
        session.flush()
        row.holds_erased = queries.add_ecgs(session, run.id, collected.ecg_ids)
        left_out = {"left_out": dict(collected.left_out)} if collected.left_out else {}
        return {"discrepancy_model_id": str(row.id), **summary, **left_out}

    return register


def _basis(session: Session, request: DiscrepancyModelIn) -> Basis:
    rules = Labelers().active(session)
    assert rules.slot is not None
    model = models.by_id(session, request.model) if request.model is not None else answering(session)
    simulated = wants_simulated(session, request.simulated)
    return Basis(
        vocabulary_id=rules.id,
        vocabulary=rules.vocabulary.version,
        labels=[label.key for label in rules.vocabulary.labels],
        slot=rules.slot,
        model_id=model.id if model is not None else None,
        simulated=simulated,
        ecg_ids=queries.newest_pairs(session, rules.slot, simulated, request.pairs),
    )


class Collected(NamedTuple):
    """The ECGs whose pairs were collected, how many of them have logits, and why others have none."""

    ecg_ids: list[uuid.UUID]
    with_logits: int
    left_out: Counter[str]


def _collect(run: JobRun, basis: Basis, bundle: Path | None, folder: Path) -> Collected:
    """Write the pairs. Each batch is read in a transaction of its own, so none is open while signals are processed."""
    ids: list[uuid.UUID] = []
    left_out: Counter[str] = Counter()
    with_logits = 0
    with WarmChild(folder / "inference.txt") as child, PairsFile(folder / FILE) as file:
        asking = Asking(run, child, bundle, left_out)
        for pair in _pairs(run, basis):
            known = asking.of(pair)
            file.append({**rows.facts(pair.ecg), **pair.masks._asdict(), **known})
            ids.append(pair.ecg.id)
            with_logits += "logits" in known
            run.check()
            if len(ids) % BATCH == 0:
                share = len(ids) / len(basis.ecg_ids)
                run.progress(COLLECTED * share, f"{len(ids)} pairs collected, {with_logits} with logits")
    return Collected(ids, with_logits, left_out)


def _pairs(run: JobRun, basis: Basis) -> Iterator[PairedEcg]:
    for start in range(0, len(basis.ecg_ids), BATCH):
        some = basis.ecg_ids[start : start + BATCH]
        yield from run.transaction(partial(queries.read, slot=basis.slot, ecg_ids=some))


class Asking:
    """Asks a model about the waveforms of pairs. One that is gone or unusable leaves its pair without logits."""

    def __init__(self, run: JobRun, child: WarmChild, bundle: Path | None, left_out: Counter[str]) -> None:
        self._run, self._child, self._bundle, self._left_out = run, child, bundle, left_out
        self._deaths = 0

    def of(self, pair: PairedEcg) -> dict[str, Any]:
        """Return logits, probabilities and our measurements, as far as there are any."""
        if pair.ecg.waveform_sha256 is None:
            return {}
        try:
            recording = self._run.archive.waveform(pair.ecg)
        except ObjectFault as fault:
            self._left_out[fault.code] += 1
            self._run.transaction(partial(record_fault, actor=ACTOR, ecg_id=pair.ecg.id, fault=fault))
            return {}
        measured = rows.of_waveform(recording)
        if self._bundle is None:
            return measured
        try:
            question = AboutEcg(self._bundle, recording.millivolts(), recording.sampling_rate_hz)
            [reply] = self._child.ask([question], timeout_s=ANSWER_WITHIN_S)
        except ChildDied as died:
            self._deaths += 1
            if self._deaths > MOST_DEATHS:
                raise JobFailed(f"the inference process ended {self._deaths} times ({died})") from died
            reply = {"error": {"code": "child_died"}}
        if "answer" in reply:
            return {**measured, **rows.of_answer(reply["answer"]["labels"])}
        code = str(reply["error"]["code"])
        if code == "bundle_damaged":
            raise JobFailed("the model's files are missing, or are not those that were registered")
        self._left_out[code] += 1
        return measured


def _later(run: JobRun) -> Any:
    """Return a listener for the child, whose progress follows that of the collecting."""
    listen = pass_on(run)

    def hear(kind: str, payload: Json) -> None:
        if kind == "progress":
            payload = {**payload, "fraction": COLLECTED + (1 - COLLECTED) * float(payload.get("fraction", 0))}
        listen(kind, payload)

    return hear
