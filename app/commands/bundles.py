"""`onnx`: a model for programs without Overread."""

from pathlib import Path
from typing import Annotated

import typer

from app.commands.shared import fail, say

commands = typer.Typer()


@commands.command()
def onnx(
    bundle: Annotated[Path, typer.Argument(help="A bundle.", exists=True, file_okay=False)],
    out: Annotated[Path, typer.Argument(help="The file to write, such as model.onnx; it must not exist.")],
) -> None:
    """Write a model as an ONNX file: windows to logits and probabilities, with labels and preprocessing as metadata."""
    from ml.bundles.bundle import InvalidBundle
    from ml.inference.onnx_file import NoGraph, onnx_file
    from ml.processes.durable import write_whole

    if out.exists():
        fail(f"{out} is there already")
    try:
        content = onnx_file(bundle)
    except (InvalidBundle, NoGraph) as error:
        fail(f"{bundle}: {error}")
    write_whole(out, content)
    say(f"{out}: {len(content):,} bytes")
