"""`models`: what is added to a bundle before it is registered, without a service or a database."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.shared import fail, say, show

if TYPE_CHECKING:
    from ml.inference.stability import Ecg

models = typer.Typer(help="Bundles of models.", no_args_is_help=True)

Bundle = Annotated[Path, typer.Argument(exists=True, file_okay=False, help="The folder of a bundle. It is replaced.")]


@models.command()
def optimise(
    bundle: Bundle,
    dataset: Annotated[
        Path,
        typer.Argument(exists=True, file_okay=False, help="A dataset's folder, with a train and a validation split."),
    ],
    force: Annotated[bool, typer.Option(help="Also where macro AUROC changes by more than 0.001.")] = False,
) -> None:
    """Add the network in 8-bit integers to a bundle: it then answers where there is no GPU.

    Ranges are observed on the dataset's train split; thresholds and calibration are chosen again, and macro AUROC is
    compared, on its validation split.
    """
    from ml.bundles.bundle import InvalidBundle, read_manifest
    from ml.corpus.store import Store
    from ml.inference.optimise import MOST_CHANGE, optimise, takes

    try:
        before = read_manifest(bundle).integers
        found = optimise(bundle, Store(dataset), force=force)
    except (InvalidBundle, ValueError) as error:
        fail(str(error))
    if found is None:
        fail("this network is not computed in integers, or no label of the validation split has both classes")
    if found.auroc is None or found.float_auroc is None:
        compared = "macro AUROC could not be compared"
    else:
        change = found.auroc - found.float_auroc
        compared = f"macro AUROC {found.float_auroc:.4f} in float32, {found.auroc:.4f} in integers ({change:+.4f})"
    show(f"{compared}, {found.windows:,} windows of the validation split")
    if before is not None:
        show("the bundle has this network already")
    elif not force and not takes(found):
        say(f"nothing was added: it changes by more than {MOST_CHANGE}; --force adds it all the same")
        raise typer.Exit(1)


@models.command()
def stability(
    bundle: Bundle,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="A record, or a folder with records.")],
    most: Annotated[int, typer.Option(min=1, max=10_000, help="ECGs at most.")] = 100,
) -> None:
    """Measure how a model's decisions stand still when an ECG is changed a little, and write it into the bundle.

    Without these figures, and below 98 %, a model is promoted by force alone.
    """
    from itertools import islice

    from ml.bundles.bundle import InvalidBundle, read_manifest
    from ml.inference.stability import add_stability

    try:
        add_stability(bundle, islice(_ecgs(paths), most), f"records given to the command ({most:,} at most)")
        measured = read_manifest(bundle).stability
    except (InvalidBundle, ValueError) as error:
        fail(str(error))
    assert measured is not None
    for change, share in measured.identical.items():
        show(f"{100 * share:6.2f} % of decisions stay: {change}")
    show(f"{measured.ecgs:,} ECGs")


def _ecgs(paths: list[Path]) -> Iterator["Ecg"]:
    from ml.rules.on_disk import NotRead, recordings

    for found in recordings(paths):
        if isinstance(found, NotRead):
            say(f"{found.name}: {found.reason}")
        else:
            yield found.file.recording.millivolts(), found.file.recording.sampling_rate_hz
