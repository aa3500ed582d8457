"""Promotion: a model answers first, and only then becomes the one that answers.

It is asked about a simulated ECG. Every inference worker is told to load the model in a process of its own, beside the
one that answers (`app.predictions.slot`): until the answer is there, nothing has changed for anybody. A worker that is
still loading then leaves the questions to the model to those that have it.
"""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import anyio
from fastapi import Response
from fastapi.responses import JSONResponse
from sqlalchemy.orm import Session

from app.kit import audit
from app.kit.database import DatabaseDep
from app.kit.problems import Problem, not_found
from app.models import queries
from app.models.schemas import ModelOut
from app.models.tables import Model
from app.predictions import queries as predictions
from app.predictions.answers import problem
from app.trials import queries as trials
from app.trials.service import TrialWatchDep
from ml.bundles.bundle import Stability
from ml.corpus.simulator import simulate
from ml.formats import waveform

LEAST_IDENTICAL = 0.98
"""Share of decisions that stay when an ECG is changed a little: a model below is promoted by `force` alone."""


ANSWER_WITHIN_S = 120.0
"""A process starts and loads the model, which may be large. Nobody waits: the one before answers meanwhile."""


class Probe(NamedTuple):
    """A question that a model has to answer before it is promoted, and who promotes it."""

    trial_id: uuid.UUID
    model_id: uuid.UUID
    actor: str
    forced: bool


def put_probe(session: Session, model: Model, actor: str, *, force: bool) -> Probe:
    """Store the question. Raises the 409 of a model whose decisions do not stand still, unless it is forced."""
    if not force and (why := unsteady(model)) is not None:
        raise Problem(409, "unsteady_model", f"{why} Promote it with force=true if you want it all the same.")
    predictions.tell_to_load(session, model.id)
    return Probe(trials.ask(session, model.id, _ecg()).id, model.id, actor, force)


def unsteady(model: Model) -> str | None:
    """Return in words how a model's decisions change with small changes of an ECG, or that nobody knows.

    None where they stay.
    """
    given = model.manifest.get("stability")
    if given is None:
        return (
            "It is not known whether this model's decisions stay the same when an ECG is changed a little; "
            "`overread models stability BUNDLE RECORDS` measures it before a bundle is registered."
        )
    stability = Stability.model_validate(given)
    change, share = min(stability.identical.items(), key=lambda each: each[1])
    if share >= LEAST_IDENTICAL:
        return None
    return (
        f"Only {100 * share:.1f} % of this model's decisions stay the same when an ECG is changed a little ({change},"
        f" {stability.ecgs} ECGs); {100 * LEAST_IDENTICAL:.0f} % are needed."
    )


@dataclass(frozen=True)
class Promotions:
    """Waits for the answer of a probe, without a connection and without a thread, and promotes the model."""

    watch: TrialWatchDep
    database: DatabaseDep

    @asynccontextmanager
    async def promote(self, probe: Probe) -> AsyncIterator[Response]:
        """Make the answer: the model that is promoted now.

        Raises a 503 where no inference worker answers in time, and a 409 where the model does not answer.
        """
        try:
            row = await self.watch.news(probe.trial_id, ANSWER_WITHIN_S)
        finally:
            with anyio.CancelScope(shield=True):
                await self.database.run(lambda session: trials.remove(session, probe.trial_id))
        if row is None:
            raise problem({"code": "timeout", "detail": "No inference worker tried the model in time."})
        if row.error is not None:
            detail = f"The model was tried and does not answer: {row.error['detail']}. The one before stays."
            raise Problem(409, "model_does_not_answer", detail)
        model = await self.database.run(lambda session: _promote(session, probe))
        yield JSONResponse(model.model_dump(mode="json"))


def _promote(session: Session, probe: Probe) -> ModelOut:
    model = queries.by_id(session, probe.model_id)
    if model is None:
        raise not_found("model")
    before = queries.promoted(session)
    queries.promote(session, model)
    earlier = {"promoted": before.id} if before is not None else None
    after = {"promoted": model.id, **({"forced": True} if probe.forced else {})}
    audit.record(session, probe.actor, "promote", "model", resource_id=model.id, before=earlier, after=after)
    return ModelOut.of(model)


@cache
def _ecg() -> bytes:
    """Return an ECG that is nobody's, as a worker gets it."""
    return waveform.encode(next(iter(simulate(1, seed=0))).recording)
