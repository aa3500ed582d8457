"""Downloads and uploads of bundles. A model that was trained elsewhere is checked whole before it is registered."""

import json
import tempfile
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple, get_args

import anyio
from fastapi import Response
from fastapi.responses import JSONResponse
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from app.kit import audit
from app.kit.children import python_module, secretless_environment
from app.kit.database import DatabaseDep
from app.kit.files import Files, FilesDep
from app.kit.problems import FieldError, Problem, gone, invalid, invalid_fields, not_found
from app.kit.state import SettingsDep
from app.kit.text import Name
from app.models import queries
from app.models.extras import require_text_extra
from app.models.schemas import ModelOut
from app.models.tasks import columns_of
from app.vocabularies.service import LabelersDep
from ml.bundles.archive import pack, unpack
from ml.bundles.bundle import InvalidBundle, Manifest, read_file, read_manifest
from ml.corpus.sources import Source
from ml.corpus.store import WINDOW_SHAPE
from ml.paradigms.registry import PARADIGMS
from ml.processes.durable import make_folder
from ml.signals import Preprocessing

MEDIA_TYPE = "application/x-tar"
CHECK_WITHIN_S = 120

_NAMESPACE = uuid.UUID("0a6b6a0e-5d0c-4bb1-8f3e-3a1d8c1f7e52")
_NAME: TypeAdapter[str] = TypeAdapter(Name)


class Received(NamedTuple):
    """An uploaded archive, the name for its model, and the user who sent it."""

    file: IO[bytes]
    name: str | None
    actor: str


@asynccontextmanager
async def send(files: Files, model_id: uuid.UUID) -> AsyncIterator[Response]:
    """Make the answer with a model's bundle as one file, sent in pieces."""
    async with files.opened("models", model_id, damaged()) as folder:
        try:
            length, pieces = await run_in_threadpool(lambda: pack(folder, read_manifest(folder)))
        except (InvalidBundle, OSError) as error:
            raise damaged() from error
        headers = {"Content-Disposition": f'attachment; filename="{model_id}.tar"', "Content-Length": str(length)}
        yield StreamingResponse(pieces, media_type=MEDIA_TYPE, headers=headers)


@asynccontextmanager
async def bundle_file(files: Files, model_id: uuid.UUID, name: str, media_type: str) -> AsyncIterator[Response]:
    """Make the answer with a file of a bundle. Only the files that the manifest names can be read."""
    async with files.opened("models", model_id, damaged()) as folder:
        try:
            content = await run_in_threadpool(lambda: read_file(folder, read_manifest(folder), name))
        except KeyError as error:
            raise not_found("file of this model") from error
        except InvalidBundle as error:
            raise damaged() from error
        # a browser shows the file, and runs no script of it
        contained = {"Content-Security-Policy": "default-src 'none'; sandbox"}
        yield Response(content, media_type=media_type, headers=contained)


def damaged() -> Problem:
    """Return the problem of a model whose files have changed."""
    return gone("bundle_damaged", "The model's files are missing, or are not those that were registered.")


@dataclass(frozen=True)
class Registry:
    """Registers uploaded bundles."""

    database: DatabaseDep
    settings: SettingsDep
    labelers: LabelersDep
    files: FilesDep

    @asynccontextmanager
    async def receive(self, received: Received) -> AsyncIterator[Response]:
        """Check a bundle and register it: 201, or 200 if the same bundle is registered already.

        A child process, which imports torch, checks the network; meanwhile no thread and no connection is held.
        """
        make_folder(self.settings.models_dir, self.settings.folders_dir)
        with tempfile.TemporaryDirectory(prefix=".received-", dir=self.settings.models_dir) as parent:
            folder = Path(parent) / "bundle"
            manifest = await run_in_threadpool(self._unpack, received.file, folder)
            known = await self._known(manifest)
            if known is not None:
                yield _answer(known, 200)
                return
            await _check_network(folder)
            model_id = await self.files.calls.run(lambda: self._keep(folder, manifest))
            model, is_new = await self.database.run(
                lambda session: self._register(session, model_id, manifest, received)
            )
            yield _answer(model, 201 if is_new else 200)

    def _unpack(self, file: IO[bytes], folder: Path) -> Manifest:
        try:
            manifest = unpack(file, folder, self.settings.max_bundle_bytes)
        except InvalidBundle as error:
            raise _refused(str(error)) from error
        if wrong := _unusable(manifest):
            raise invalid_fields(wrong)
        if manifest.text is not None:
            require_text_extra()
        return manifest

    async def _known(self, manifest: Manifest) -> ModelOut | None:
        """Return the model of this bundle, if there is one; a 409 if its weights have another manifest here."""
        found, labels = await self.database.run(
            lambda session: (
                [ModelOut.of(model) for model in queries.of_weights(session, manifest.weights_sha256)],
                {label.key for label in self.labelers.active(session).vocabulary.labels},
            )
        )
        for model in found:
            async with self.files.opened("models", model.id, damaged()) as folder:
                try:
                    if await run_in_threadpool(read_manifest, folder) == manifest:
                        return model
                except InvalidBundle as error:
                    raise damaged() from error
        if found:
            detail = f"These weights are registered already, as {found[0].id}, with another manifest."
            raise Problem(409, "weights_known", detail)
        if unknown := [label.key for label in manifest.labels if label.key not in labels]:
            raise _refused(f"the active vocabulary does not know its labels {', '.join(unknown[:5])}")
        return None

    def _keep(self, folder: Path, manifest: Manifest) -> uuid.UUID:
        """Store a checked bundle, and return the id for its model. Until its row is written nobody sees it.

        Two servers that are sent one bundle at once compute one id.
        """
        model_id = uuid.uuid5(_NAMESPACE, json.dumps(manifest.to_dict(), sort_keys=True))
        self.files.folders.keep("models", model_id, folder)
        return model_id

    def _register(
        self, session: Session, model_id: uuid.UUID, manifest: Manifest, received: Received
    ) -> tuple[ModelOut, bool]:
        """Write the row of a stored bundle; the same bundle may have been registered meanwhile."""
        name = received.name or f"{manifest.paradigm}-{manifest.preset}-{manifest.weights_sha256[:8]}"
        is_new = queries.add_once(
            session,
            id=model_id,
            origin="uploaded",
            name=name,
            **columns_of(manifest),
            manifest=manifest.to_card(),
        )
        if is_new:
            after = {"name": name, "weights_sha256": manifest.weights_sha256}
            audit.record(session, received.actor, "create", "model", resource_id=model_id, after=after)
        model = queries.by_id(session, model_id)
        assert model is not None
        return ModelOut.of(model), is_new


def _answer(model: ModelOut, status: int) -> Response:
    return JSONResponse(model.model_dump(mode="json"), status, {"Location": f"/v1/models/{model.id}"})


async def _check_network(folder: Path) -> None:
    """Build the bundle's network in a child process; a 422 if the weights do not fit it."""
    command = python_module("ml.bundles.check", str(folder))
    try:
        with anyio.fail_after(CHECK_WITHIN_S):
            done = await anyio.run_process(command, check=False, cwd=folder, env=secretless_environment())
    except TimeoutError as error:
        raise _refused("its network takes too long to build") from error
    if done.returncode != 0:
        raise _refused("its network cannot be built on this server")
    if (reason := json.loads(done.stdout)) is not None:
        raise _refused(str(reason))


def _unusable(manifest: Manifest) -> list[FieldError]:
    """Return why this service cannot serve or store a bundle that is whole."""
    wrong = []
    if manifest.own_encoder is not None:
        wrong.append("own_encoder: the service runs no code that a bundle names")
    if manifest.paradigm not in PARADIGMS:
        wrong.append("paradigm: is not one that this service knows")
    if manifest.training.get("label_source") not in get_args(Source):
        wrong.append(f"training.label_source: is not one of {', '.join(get_args(Source))}")
    try:
        _NAME.validate_python(manifest.preset)
    except ValidationError:
        wrong.append("preset: is not a short name")
    if Preprocessing.from_dict(manifest.preprocessing).samples != WINDOW_SHAPE[1]:
        wrong.append(f"preprocessing: its windows do not have {WINDOW_SHAPE[1]} samples a lead")
    if "\\u0000" in json.dumps(manifest.to_dict()):
        wrong.append("has a NUL in a text")
    return [FieldError(field="bundle", code="unusable", reason=f"bundle.json: {each}") for each in wrong]


def _refused(reason: str) -> Problem:
    return invalid("bundle", reason)
