"""Trying an ECG out: what its file holds is read, labelled and asked about, and deleted with the answer."""

import base64
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Annotated, NamedTuple

import anyio
from fastapi import Response
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from app.ecgs.upload import read_upload
from app.kit.database import Database, DatabaseDep
from app.kit.problems import FieldError, Problem, problem_details
from app.kit.state import SettingsDep, from_app
from app.kit.watch import Watch
from app.predictions import queries as questions
from app.predictions.answers import FIRST_PAUSE_S, LONGEST_PAUSE_S, MOST_WAITING, beside, problem
from app.predictions.schemas import ModelReference
from app.reports.schemas import ReportIn
from app.trials import queries
from app.trials.schemas import TriedOut, TriedReading
from app.trials.tables import Trial
from app.vocabularies.service import ReadingRules
from ml.formats import LEADS, EcgFile, waveform
from ml.labeling.batch import read

LONGEST_S = 600
"""Seconds of an ECG that is tried out: the signal waits in the database, and is part of the answer."""

TrialWatch = Watch[uuid.UUID, Trial]
TrialWatchDep = Annotated[TrialWatch, from_app("trial_watch")]


def trial_watch(database: Database) -> TrialWatch:
    """Return the watch that waits for the answers of an application's trials."""
    return Watch(database, _ended, first_pause_s=FIRST_PAUSE_S, longest_pause_s=LONGEST_PAUSE_S, most=MOST_WAITING)


def _ended(session: Session, trial_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Trial]:
    return {row.id: row for row in questions.ended(session, Trial, trial_ids)}


class Given(NamedTuple):
    """What was sent: the file as it was read, the waveform as a worker gets it, and as the browser draws it."""

    file: EcgFile
    readings: list[ReportIn]
    encoded: bytes
    drawn: str


def read_given(files: Sequence[UploadFile], machine_report: str | None) -> Given:
    """Return what an upload holds; raise one 422 that names everything wrong with it."""
    upload = read_upload(files, None, machine_report, None)
    recording = upload.file.recording
    if recording.samples.shape[1] > LONGEST_S * recording.sampling_rate_hz:
        reason = f"is longer than {LONGEST_S // 60} minutes: upload it instead"
        raise Problem(422, "too_long", f"file: {reason}", [FieldError(field="file", code="too_long", reason=reason)])
    signal = recording.millivolts().astype("<f4")
    drawn = base64.b64encode(signal.tobytes()).decode()
    return Given(upload.file, upload.readings, waveform.encode(recording), drawn)


def readings_of(given: Given, rules: ReadingRules) -> list[TriedReading]:
    """Return the reports as they would be stored and labelled. The form's replaces the file's."""
    found = [_labelled(rules, report, from_file=False) for report in given.readings]
    sources = {report.source for report in given.readings}
    for said in given.file.readings:
        codes = [asdict(code) for code in said.codes] or None
        if said.source in sources or not (said.text or codes):
            continue
        report = ReportIn.model_validate({"source": said.source, "text": said.text or None, "codes": codes})
        found.append(_labelled(rules, report, from_file=True))
    return found


def _labelled(rules: ReadingRules, report: ReportIn, *, from_file: bool) -> TriedReading:
    codes = [code.model_dump() for code in report.codes] if report.codes is not None else None
    labelled = read(rules.labeler, report.text, codes)
    return TriedReading.model_validate(
        {
            "source": report.source,
            "text": report.text,
            "from_file": from_file,
            "statements": [
                {**each._asdict(), "normal": rules.labeler.normal_form(each.text)} for each in labelled.statements
            ],
            "findings": [each._asdict() for each in labelled.findings],
            "stance": labelled.stance,
        }
    )


class Put(NamedTuple):
    """A trial whose question was put, or why it was not."""

    readings: list[TriedReading]
    model: ModelReference | None
    trial: Trial | None
    problem: Problem | None = None


@dataclass(frozen=True)
class Trials:
    """Waits for the answers of trials, without a connection and without a thread, and deletes them."""

    watch: TrialWatchDep
    database: DatabaseDep
    settings: SettingsDep

    @asynccontextmanager
    async def answer(self, given: Given, put: Put) -> AsyncIterator[Response]:
        """Make the answer to `POST /v1/try`. The trial is deleted before it is sent, also where the client has gone."""
        row = None
        if put.trial is not None:
            trial_id = put.trial.id
            try:
                row = await self.watch.news(trial_id, self.settings.prediction_timeout_s)
            finally:
                with anyio.CancelScope(shield=True):
                    await self.database.run(lambda session: queries.remove(session, trial_id))
        content = await run_in_threadpool(_content, given, put, row)
        yield Response(content, media_type="application/json", headers={"Cache-Control": "no-store"})


def _content(given: Given, put: Put, row: Trial | None) -> bytes:
    why = put.problem
    answer = row.answer if row is not None else None
    if put.trial is not None and answer is None:
        silent = {"code": "timeout", "detail": "No inference worker answered in time."}
        why = problem((row.error if row is not None else None) or silent)
    recording = given.file.recording
    findings = next((each.findings for each in put.readings if each.source == "machine"), None)
    said = None if findings is None else {each.label: each.status for each in findings}
    tried = TriedOut(
        sampling_rate_hz=recording.sampling_rate_hz,
        samples=recording.samples.shape[1],
        leads=list(LEADS),
        waveform=given.drawn,
        scale_known=recording.scale_known,
        readings=put.readings,
        model=put.model,
        windows=answer["windows"] if answer is not None else None,
        labels=beside(answer, said) if answer is not None else [],
        problem=problem_details(why) if why is not None else None,
    )
    return tried.model_dump_json().encode()
