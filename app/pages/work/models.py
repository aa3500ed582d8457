"""Pages of models: the list, training, one model, promotion, and two models beside each other."""

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.requests import Request
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from app.auth.access import ResearcherUser, ViewerUser
from app.auth.service import allows
from app.auth.tables import User
from app.datasets import queries as datasets
from app.jobs.queries import newest_asked
from app.jobs.service import finished
from app.kit.database import Json, SessionDep
from app.kit.deferred import Deferred
from app.kit.files import Files, FilesDep
from app.kit.pagination import Cursor, Position, decode, page
from app.kit.problems import check_known, gone, not_found
from app.models import queries
from app.models.bundles import damaged
from app.models.extras import has_text_extra
from app.models.promotion import unsteady
from app.models.schemas import ModelOut
from app.models.tables import Model
from app.pages.shell import Pages, PagesDep
from app.pages.work import training
from app.pages.work.measured import FIGURES, READINGS, curves, differences
from ml.bundles.bundle import InvalidBundle, read_file, read_manifest
from ml.corpus.sources import MeasuredOn
from ml.paradigms.registry import PARADIGMS
from ml.training.configuration import ParadigmName, Preset
from ml.training.presets import PRESETS

router = APIRouter(include_in_schema=False)

LIMIT = 50
Split = Annotated[MeasuredOn, Query()]


@router.get("/models")
def show_models(
    request: Request, pages: PagesDep, session: SessionDep, user: ViewerUser, cursor: Cursor = None
) -> Response:
    """Show models, newest first, and which of them answers predictions."""
    rows = queries.newest(session, decode(cursor), LIMIT)
    listed = page(rows, LIMIT, lambda row: Position(row.created_at, row.id), ModelOut.of)
    return pages.answer(
        request,
        "work/models.html",
        user=user,
        title="Models",
        models=listed.items,
        answers=_answering(session),
        next_cursor=listed.next_cursor,
        cursor=cursor,
        may_train=allows(user.role, "researcher"),
    )


@router.get("/models/new")
def show_training(
    request: Request,
    pages: PagesDep,
    session: SessionDep,
    user: ResearcherUser,
    dataset: uuid.UUID | None = None,
    paradigm: ParadigmName = training.DEFAULT_PARADIGM,
    preset: Preset = training.DEFAULT_PRESET,
) -> Response:
    """Show the form that starts a training, with the paper's values filled in."""
    found = check_known(datasets.by_id(session, dataset), "query.dataset", "dataset") if dataset is not None else None
    return pages.answer(
        request,
        "work/training.html",
        user=user,
        title="Train a model",
        dataset=found,
        datasets=[(str(row.id), row.name) for row in datasets.newest(session, None, LIMIT)],
        models=[(str(row.id), row.name) for row in queries.newest(session, None, LIMIT)],
        paradigm=PARADIGMS[paradigm],
        paradigms=[(each, training.PARADIGM_WORDS.get(each.name, "")) for each in PARADIGMS.values()],
        preset=preset,
        presets=[(name, training.PRESET_WORDS.get(name, name)) for name in PRESETS],
        groups=training.settings_of(paradigm, preset),
        in_short=training.in_short(paradigm, preset),
        sources=[(source, READINGS[source]) for source in training.sources_of(paradigm)],
        has_text_extra=has_text_extra(),
    )


@router.get("/models/compare")
def compare_models(
    request: Request,
    pages: PagesDep,
    session: SessionDep,
    user: ViewerUser,
    a: uuid.UUID | None = None,
    b: uuid.UUID | None = None,
    dataset: uuid.UUID | None = None,
    split: Split = "test",
) -> Response:
    """Show two models measured on the same windows, where that was done; else the way to it."""
    first, second = (_known(session, model_id, name) for model_id, name in ((a, "a"), (b, "b")))
    if dataset is None and first is not None:
        dataset = first.dataset_id or (second.dataset_id if second is not None else None)
    on = check_known(datasets.by_id(session, dataset), "query.dataset", "dataset") if dataset is not None else None
    job = None
    if first is not None and second is not None and on is not None and first.id != second.id:
        asked = {"model": str(first.id), "compare_with": str(second.id), "dataset": str(on.id), "split": split}
        job = newest_asked(session, "evaluate", asked)
    measured = _measured(session, job.params, job.result) if job is not None and job.result is not None else {}
    return pages.answer(
        request,
        "work/compare.html",
        user=user,
        title="Compare two models",
        models=[(str(row.id), row.name) for row in queries.newest(session, None, LIMIT)],
        datasets=[(str(row.id), row.name) for row in datasets.newest(session, None, LIMIT)],
        a=first,
        b=second,
        dataset=on,
        split=split,
        job=job,
        may_measure=allows(user.role, "researcher"),
        **measured,
    )


@router.get("/models/{model_id}")
def show_model(
    model_id: uuid.UUID, request: Request, pages: PagesDep, session: SessionDep, user: ViewerUser
) -> Response:
    """Show a model: what it is, how good it is, and its thresholds."""
    model = _find(session, model_id)
    return pages.answer(
        request,
        "work/model.html",
        user=user,
        title=model.name,
        model=ModelOut.of(model),
        manifest=model.manifest,
        metrics={source: each for source in READINGS if (each := model.manifest.get("metrics", {}).get(source))},
        readings=READINGS,
        labels=model.manifest["labels"],
        dataset=datasets.by_id(session, model.dataset_id) if model.dataset_id is not None else None,
        datasets=[(str(row.id), row.name) for row in datasets.newest(session, None, LIMIT)],
        others=[(str(row.id), row.name) for row in queries.newest(session, None, LIMIT) if row.id != model.id],
        now=_answering(session),
        may_promote=allows(user.role, "admin"),
        unsteady=unsteady(model),
        may_measure=allows(user.role, "researcher"),
    )


@router.get("/models/{model_id}/curves")
def show_model_curves(
    model_id: uuid.UUID, request: Request, pages: PagesDep, files: FilesDep, session: SessionDep, user: ViewerUser
) -> Response:
    """Show the curves that a model's bundle was measured with. The page asks for them after itself."""
    model = _find(session, model_id)
    names = {label["key"]: label["name"] for label in model.manifest["labels"]}
    return Deferred(lambda: _bundle_curves(Drawn(pages, request, user, names), files, model_id))


@router.get("/evaluations/{job_id}")
def show_evaluation(
    job_id: uuid.UUID, request: Request, pages: PagesDep, session: SessionDep, user: ViewerUser
) -> Response:
    """Show what an evaluation measured."""
    job = finished(session, job_id, "evaluate", "evaluation")
    assert job.result is not None
    return pages.answer(
        request,
        "work/evaluation.html",
        user=user,
        title="What was measured",
        job=job,
        dataset=datasets.by_id(session, uuid.UUID(job.params["dataset"])),
        split=job.params["split"],
        **_measured(session, job.params, job.result),
    )


@router.get("/evaluations/{job_id}/curves")
def show_evaluation_curves(
    job_id: uuid.UUID, request: Request, pages: PagesDep, files: FilesDep, session: SessionDep, user: ViewerUser
) -> Response:
    """Show the curves of an evaluation. The page asks for them after itself."""
    job = finished(session, job_id, "evaluate", "evaluation")
    model = queries.by_id(session, uuid.UUID(job.params["model"]))
    names = {label["key"]: label["name"] for label in model.manifest["labels"]} if model is not None else {}
    return Deferred(lambda: _run_curves(Drawn(pages, request, user, names), files, job_id))


class Drawn:
    """Makes the part of a page that has curves, once their file has been read."""

    def __init__(self, pages: Pages, request: Request, user: User, names: dict[str, str]) -> None:
        self._pages, self._request, self._user, self._names = pages, request, user, names

    def of(self, content: bytes) -> Response:
        """Return the part for what was measured, as JSON."""
        against = json.loads(content).get("overread", {})
        return self._pages.answer(
            self._request,
            "work/curves.html",
            user=self._user,
            figures_of=curves(against, self._names),
        )


@asynccontextmanager
async def _bundle_curves(drawn: Drawn, files: Files, model_id: uuid.UUID) -> AsyncIterator[Response]:
    async with files.opened("models", model_id, damaged()) as folder:
        try:
            content = await run_in_threadpool(lambda: read_file(folder, read_manifest(folder), "evaluation.json"))
        except KeyError:
            content = b"{}"  # an older bundle has no curves
        except InvalidBundle as error:
            raise damaged() from error
    yield await run_in_threadpool(drawn.of, content)


@asynccontextmanager
async def _run_curves(drawn: Drawn, files: Files, job_id: uuid.UUID) -> AsyncIterator[Response]:
    missing = gone("file_missing", "This result's files are missing.")
    async with files.opened("runs", job_id, missing) as folder:
        try:
            content = await run_in_threadpool((folder / "metrics.json").read_bytes)
        except FileNotFoundError as error:
            raise missing from error
    yield await run_in_threadpool(drawn.of, content)


def _measured(session: Session, params: Json, result: Json) -> dict[str, Any]:
    """Return what the page of an evaluation shows of its result."""
    model = queries.by_id(session, uuid.UUID(params["model"]))
    assert model is not None
    other = queries.by_id(session, uuid.UUID(params["compare_with"])) if "compare_with" in params else None
    names = {label["key"]: label["name"] for label in model.manifest["labels"]}
    return {
        "model": model,
        "other": other,
        "result": result,
        "names": names,
        "readings": READINGS,
        "figures": FIGURES,
        "differences": {
            source: differences(each, names)
            for source in READINGS
            if (each := result.get("comparison", {}).get(source)) is not None
        },
    }


def _answering(session: Session) -> Model | None:
    return queries.promoted(session) or queries.shipped(session)


def _known(session: Session, model_id: uuid.UUID | None, name: str) -> Model | None:
    return None if model_id is None else check_known(queries.by_id(session, model_id), f"query.{name}", "model")


def _find(session: Session, model_id: uuid.UUID) -> Model:
    model = queries.by_id(session, model_id)
    if model is None:
        raise not_found("model")
    return model
