"""Reading an ECG by rules, and storing what they say beside a vendor's report."""

import math
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import cast

from fastapi import Response
from fastapi.responses import JSONResponse
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from app.ecgs.answers import WINDOWED
from app.ecgs.memory import SignalsDep
from app.ecgs.tables import Ecg
from app.kit.database import DatabaseDep
from app.kit.problems import FieldError, Problem
from app.reports import service as reports
from app.reports.schemas import ReportIn
from app.reports.service import Added
from app.rules.schemas import RuleReadingOut, StatementByRules
from app.vocabularies.service import LabelersDep
from ml.rules import RuleReading, read
from ml.rules.rule import Sex


@dataclass(frozen=True)
class RuleReader:
    """Reads stored ECGs by rules. The request holds no connection while a signal is read and measured."""

    signals: SignalsDep
    database: DatabaseDep
    labelers: LabelersDep

    @asynccontextmanager
    async def answer(self, ecg: Ecg, actor: str) -> AsyncIterator[Response]:
        """Read an ECG, store the reading, and make the answer. Raises the 422 of an ECG that is not readable."""
        async with self.signals.read(ecg, actor, WINDOWED) as recording:
            reading = await run_in_threadpool(partial(read, recording, sex=cast(Sex, ecg.sex)))
        if reading.not_readable:
            raise _not_readable(reading)
        added = await self.database.run(partial(self._store, actor=actor, ecg_id=ecg.id, reading=reading))
        answer = outside(reading, added)
        yield JSONResponse(answer.model_dump(mode="json"), 201 if added.is_new else 200)

    def _store(self, session: Session, actor: str, ecg_id: uuid.UUID, reading: RuleReading) -> Added:
        rules = self.labelers.maintained(session)
        return reports.add(session, actor, rules, ecg_id, given=report_of(reading))


def report_of(reading: RuleReading) -> ReportIn:
    """Return the reading as the machine report that is stored: its reader is the rules' version."""
    return ReportIn(source="machine", reader=reading.version, text=reading.text)


def outside(reading: RuleReading, added: Added) -> RuleReadingOut:
    """Return a reading as clients see it."""
    return RuleReadingOut(
        device_software=reading.version,
        scores={label: None if math.isnan(score) else round(score, 3) for label, score in reading.scores.items()},
        statements=[
            StatementByRules(text=each.text, label=each.label, because=list(each.because))
            for each in reading.statements
        ],
        report=added.report,
    )


def _not_readable(reading: RuleReading) -> Problem:
    errors = [FieldError(field="ecg_id", code=why.code, reason=why.detail) for why in reading.not_readable]
    return Problem(422, "not_readable", reading.text, errors)
