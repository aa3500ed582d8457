"""`serve`, `worker`, `migrate`, `demo`: what runs the service."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from app.commands.shared import fail, read_settings, show
from ml.processes.events import end_with_parent

commands = typer.Typer()

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on.")]


@commands.command()
def serve(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Run the web service, with a private PostgreSQL and workers where none are configured."""
    from app.embedded.serve import serve as run
    from app.kit import logs

    settings = read_settings()
    logs.take_uncaught()
    run(settings, host, port)


@commands.command()
def worker(
    queue: Annotated[list[str], typer.Option(help="cpu, train or infer; cpu and train may be given together.")],
    parent_pipe: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Work on jobs (cpu, train), or answer predictions (infer)."""
    from app.kit import logs
    from app.steps import QUEUES

    if unknown := set(queue) - {*QUEUES, "infer"}:
        raise typer.BadParameter(f"no such queue: {', '.join(sorted(unknown))}", param_hint="--queue")
    if "infer" in queue and len(queue) > 1:
        raise typer.BadParameter("infer is a worker of its own", param_hint="--queue")
    settings = read_settings()
    if settings.database_url is None:
        fail("a worker needs OVERREAD_DATABASE_URL; without one `overread serve` runs its own workers")
    if not settings.data_dir.is_dir():
        fail(f"there is no data folder {settings.data_dir}: name the service's with OVERREAD_DATA_DIR")
    logs.take_uncaught()
    if parent_pipe:
        end_with_parent()
    if "infer" in queue:
        from app.predictions.child import WarmChild

        with WarmChild(settings.data_dir / "logs" / "inference.txt") as child:
            child.start()  # it imports for seconds, and so do we: at the same time
            from app.predictions.worker import work as answer

            answer(settings, child)
    else:
        from app.jobs.worker import work
        from app.steps import KINDS, SWEEP, TIDY

        work(settings, queue, KINDS, tidy=TIDY, sweep=SWEEP)


@commands.command()
def migrate() -> None:
    """Bring the database's schema to this release's."""
    from app.ecgs.patients import PatientHasher
    from app.ecgs.patients.service import check_key
    from app.embedded.serve import make_data_folder
    from app.kit.database import Database
    from app.migrate import migrate as run

    settings = read_settings()
    if settings.database_url is None:
        fail("OVERREAD_DATABASE_URL is not set; the private PostgreSQL is migrated by `overread serve`")
    make_data_folder(settings.data_dir)
    database = Database(settings)
    run(database)
    with database.begin() as session:
        check_key(session, PatientHasher(settings), may_make=True)
    database.close()
    show("The schema is up to date.")


@commands.command()
def demo(
    ptbxl: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="A PTB-XL folder; simulated ECGs without.")
    ] = None,
    port: Port = 8000,
    exit_after: Annotated[bool, typer.Option("--exit", help="End after the last step.")] = False,
) -> None:
    """Walk the whole way once: upload, disagreement, dataset, training, promotion, prediction."""
    from app.demo.tour import run

    sys.exit(run(read_settings(), ptbxl, port, exit_after))
