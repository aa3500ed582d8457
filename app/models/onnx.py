"""A model as an ONNX file. A child process, which imports torch, writes it when it is asked for."""

import json
import tempfile
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from fastapi import Response
from fastapi.responses import FileResponse

from app.kit.children import python_module, secretless_environment
from app.kit.files import Files
from app.kit.problems import Problem
from app.models.bundles import damaged

MEDIA_TYPE = "application/octet-stream"
WRITTEN_WITHIN_S = 120


@asynccontextmanager
async def send_onnx(files: Files, model_id: uuid.UUID) -> AsyncIterator[Response]:
    """Make the answer with a model as an ONNX file; a 409 for one that cannot be written so."""
    async with files.opened("models", model_id, damaged()) as folder:
        with tempfile.TemporaryDirectory(prefix="overread-onnx-") as parent:
            path = Path(parent) / "model.onnx"
            await _write(folder, path)
            yield FileResponse(path, media_type=MEDIA_TYPE, filename=f"{model_id}.onnx")


async def _write(folder: Path, path: Path) -> None:
    command = python_module("ml.inference.onnx_file", str(folder.resolve()), str(path))
    try:
        with anyio.fail_after(WRITTEN_WITHIN_S):
            done = await anyio.run_process(command, check=False, cwd=path.parent, env=secretless_environment())
    except TimeoutError as error:
        raise _cannot("writing it takes too long on this server") from error
    if done.returncode != 0:
        raise damaged()
    if (reason := json.loads(done.stdout)) is not None:
        raise _cannot(str(reason))


def _cannot(reason: str) -> Problem:
    return Problem(409, "no_onnx", f"This model cannot be written as ONNX: {reason}.")
