"""Training and the model registry over HTTP."""

import uuid
from typing import Annotated

from fastapi import APIRouter, File, Form, Path, Query, Request, Response, UploadFile
from sqlalchemy.orm import Session

from app.auth.access import AdminUser, ResearcherUser, ViewerUser
from app.datasets.queries import by_id as dataset_by_id
from app.jobs import service as jobs
from app.jobs.schemas import JobOut
from app.jobs.service import StartJob
from app.kit.database import SessionDep
from app.kit.deferred import Deferred
from app.kit.files import FilesDep
from app.kit.pagination import Cursor, Limit, Page, Position, decode, page
from app.kit.problems import check_known, not_found, responses
from app.kit.state import made_by
from app.kit.text import Name
from app.models import onnx, queries
from app.models.bundles import MEDIA_TYPE, Received, Registry, bundle_file, send
from app.models.extras import check_text_extra
from app.models.promotion import Promotions, put_probe
from app.models.schemas import SUPERVISED, ModelCard, ModelOut, TrainingIn
from app.models.tables import Model

router = APIRouter(prefix="/v1", tags=["models"])

CARD_EXAMPLE = """\
# supervised, tiny

**For research. Not for clinical use.** It is no medical device; nobody has shown that it helps or harms patients.

- Architecture: resnet1d, preset tiny, one output a label
- Leads: I, II, III, aVR, aVL, aVF, V1 to V6, in millivolt, at 250 Hz
…
"""
PLOT_EXAMPLE = '<svg xmlns="http://www.w3.org/2000/svg" …>…</svg>'


@router.post(
    "/training-jobs", status_code=202, responses={202: jobs.accepted("train", SUPERVISED), **responses(409, 422)}
)
def start_training(given: TrainingIn, session: SessionDep, user: ResearcherUser, start: StartJob) -> JobOut:
    """Train a model on a frozen dataset. The job's events have each epoch's metrics; its result names the model."""
    check_text_extra([given.config()])
    check_known(dataset_by_id(session, given.dataset), "dataset", "dataset")
    if given.unlabelled is not None:
        check_known(dataset_by_id(session, given.unlabelled), "unlabelled", "dataset")
    if given.start_from is not None:
        check_known(queries.by_id(session, given.start_from), "start_from", "model")
    params = given.model_dump(mode="json", exclude_none=True, exclude_unset=True)
    return start(user, "train", params)


@router.get("/models", responses=responses(422))
def list_models(session: SessionDep, user: ViewerUser, limit: Limit = 50, cursor: Cursor = None) -> Page[ModelOut]:
    """List models, newest first."""
    rows = queries.newest(session, decode(cursor), limit)
    return page(rows, limit, lambda row: Position(row.created_at, row.id), ModelOut.of)


@router.post(
    "/models",
    status_code=201,
    response_model=ModelOut,
    responses={
        200: {"model": ModelOut, "description": "The same bundle is registered already"},
        **responses(409, 413, 422),
    },
)
def upload_model(
    registry: Annotated[Registry, made_by(Registry)],
    user: AdminUser,
    bundle: Annotated[UploadFile, File(description="The files of a bundle in a plain tar, not compressed.")],
    name: Annotated[
        Name | None, Form(description="Named after its weights when absent.", examples=["cluster-7"])
    ] = None,
) -> Response:
    """Register a model that was trained elsewhere: `tar -C RUN/bundle -cf model.tar .`, or a bundle of another server.

    Every file is checked against its hash, and the weights against the network that the bundle describes. Nothing of
    a bundle is run. It is not promoted. The same bundle again answers 200; other weights are another model.
    """
    received = Received(bundle.file, name, user.name)
    return Deferred(lambda: registry.receive(received))


@router.get("/models/{model_id}", responses=responses(404, 422))
def get_model(model_id: uuid.UUID, session: SessionDep, user: ViewerUser) -> ModelOut:
    """Return a model."""
    return ModelOut.of(_find(session, model_id))


@router.get(
    "/models/{model_id}/card",
    response_model=ModelCard,
    responses={
        200: {
            "content": {"text/markdown": {"schema": {"type": "string"}, "example": CARD_EXAMPLE}},
            "description": "JSON; the card as text with `Accept: text/markdown`",
        },
        **responses(404, 410, 422),
    },
)
def get_model_card(
    model_id: uuid.UUID, request: Request, files: FilesDep, session: SessionDep, user: ViewerUser
) -> ModelCard | Response:
    """Return all that is known of a model.

    With `Accept: text/markdown`: the model card as text. Its plots are at `/v1/models/{id}/plots/…`.
    """
    model = _find(session, model_id)
    if "text/markdown" in request.headers.get("accept", ""):
        return Deferred(lambda: bundle_file(files, model_id, "card.md", "text/markdown; charset=utf-8"))
    return ModelCard(**dict(ModelOut.of(model)), manifest=model.manifest)


@router.get(
    "/models/{model_id}/bundle",
    response_class=Response,
    responses={
        200: {
            "content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
            "description": "The bundle's files in a tar; the same bytes each time",
        },
        **responses(404, 410, 422),
    },
)
def get_model_bundle(model_id: uuid.UUID, files: FilesDep, session: SessionDep, user: ResearcherUser) -> Response:
    """Download a model: unpacked, the file is a bundle that `overread predict --model` and another server read."""
    _find(session, model_id)
    return Deferred(lambda: send(files, model_id))


@router.get(
    "/models/{model_id}/onnx",
    response_class=Response,
    responses={
        200: {
            "content": {onnx.MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
            "description": "An ONNX file: windows to logits and probabilities",
        },
        **responses(404, 409, 410, 422),
    },
)
def get_model_as_onnx(model_id: uuid.UUID, files: FilesDep, session: SessionDep, user: ResearcherUser) -> Response:
    """Download a model as an ONNX file, in float32, for programs without Overread.

    Its metadata has labels with their thresholds, leads, and the preprocessing from signal to window, which it does not
    do. 409 for a network that is no ResNet, as the starter model's.
    """
    _find(session, model_id)
    return Deferred(lambda: onnx.send_onnx(files, model_id))


@router.get(
    "/models/{model_id}/plots/{name}",
    response_class=Response,
    responses={
        200: {
            "content": {"image/svg+xml": {"schema": {"type": "string"}, "example": PLOT_EXAMPLE}},
            "description": "A plot",
        },
        **responses(404, 410, 422),
    },
)
def get_model_plot(
    model_id: uuid.UUID,
    name: Annotated[str, Path(examples=["roc.svg"])],
    files: FilesDep,
    session: SessionDep,
    user: ViewerUser,
) -> Response:
    """Return a plot of the model card."""
    _find(session, model_id)
    return Deferred(lambda: bundle_file(files, model_id, f"plots/{name}", "image/svg+xml"))


@router.post(
    "/models/{model_id}/promote",
    response_model=ModelOut,
    responses=responses(404, 409, 422, 503),
)
def promote_model(
    model_id: uuid.UUID,
    promotions: Annotated[Promotions, made_by(Promotions)],
    session: SessionDep,
    user: AdminUser,
    force: Annotated[bool, Query(description="Also where its decisions do not stand still (its card).")] = False,
) -> Response:
    """Let this model answer the predictions that name no model.

    An inference worker loads it and asks it about a simulated ECG first, while the model before goes on answering. 409,
    and nothing changes, where it does not answer, or where small changes of an ECG change too many of its decisions.
    """
    probe = put_probe(session, _find(session, model_id), user.name, force=force)
    return Deferred(lambda: promotions.promote(probe))  # after the commit: only then can it be answered


def _find(session: Session, model_id: uuid.UUID) -> Model:
    model = queries.by_id(session, model_id)
    if model is None:
        raise not_found("model")
    return model
