"""`import`, `simulate` and `disagreement`: readings into the archive, and the table of it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.shared import fail, open_database, open_session, say, show
from app.settings import Settings
from ml.corpus.sources import HEDGED

if TYPE_CHECKING:
    from app.imports.loader import Loaded
    from app.kit.database import Database

commands = typer.Typer()
imports = typer.Typer(help="Bring in what is elsewhere.", no_args_is_help=True)
simulations = typer.Typer(help="Make what no patient was attached to.", no_args_is_help=True)


@imports.command("reports")
def import_reports(
    file: Annotated[typer.FileBinaryRead, typer.Argument(help="JSON lines, a reading each; - for standard input.")],
) -> None:
    """Store readings of ECGs, with or without a waveform here: `docs/how-to/import_reports.md` says what a line holds.

    A line that is no reading ends it, named by number and field, before anything is stored. The same lines again
    change nothing; other words of the same reader are a new version.
    """
    from app.imports.service import import_reports as run

    with _open_archive() as (database, settings):
        loaded = run(database, settings, "command line", file, progress=_progress())
    show(f"{loaded.lines:,} lines: {loaded.ecgs:,} new ECGs, {loaded.reports:,} new readings, {loaded.known:,} known")
    for name, count in sorted(loaded.conflicts.items()):
        show(f"{name}: {count:,} said otherwise than what is stored, which was kept")


@simulations.command("reports")
def simulate_reports(
    pairs: Annotated[int, typer.Option(min=1_000, max=100_000_000, help="ECGs with two readings each.")],
    table_a1: Annotated[bool, typer.Option("--table-a1", help="Counts of the paper's Table A.1, scaled.")] = False,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    ledger: Annotated[Path | None, typer.Option(help="Write what was simulated, as JSON.", dir_okay=False)] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, also where the archive holds real ECGs.")] = False,
) -> None:
    """Store simulated pairs of readings, and show the table beside what was simulated; status 1 where they differ."""
    from app.ecgs.queries import holds_real
    from app.imports import simulation
    from ml.corpus.simulator import table_a1 as counts

    if not table_a1:
        raise typer.BadParameter("say --table-a1: no other rates are known", param_hint="--table-a1")
    simulated = simulation.Archive(counts(pairs), pairs, seed)
    if ledger is not None:
        try:
            ledger.write_text(simulated.as_json(), encoding="utf-8")
        except OSError as error:
            fail(f"--ledger: {ledger}: {error.strerror}")
    with _open_archive() as (database, settings):
        with database.begin() as session:
            must_ask = not yes and holds_real(session)
        if must_ask:
            typer.confirm(f"This archive holds real ECGs. Store {pairs:,} simulated pairs beside them?", abort=True)
        simulation.load(database, settings, "command line", simulated, progress=_progress())
        table = simulation.table(database, simulated)
    show(table.shown())
    if not table.is_right():
        raise typer.Exit(1)


@contextmanager
def _open_archive() -> "Iterator[tuple[Database, Settings]]":
    """Open the database for readings to be stored: the patient key has to be the archive's."""
    from app.ecgs.patients import PatientHasher
    from app.ecgs.patients.service import check_key

    with open_database() as (database, settings):
        with database.begin() as session:
            check_key(session, PatientHasher(settings), may_make=False)
        yield database, settings


def _progress() -> "Callable[[Loaded], None]":
    """Return a listener that says how far a load is, at most once in five seconds."""
    start = said = time.monotonic()

    def tell(loaded: "Loaded") -> None:
        nonlocal said
        if time.monotonic() - said > 5:
            said = time.monotonic()
            say(f"{loaded.lines:,} readings in {said - start:.0f} s")

    return tell


@commands.command()
def disagreement(
    recorded_from: Annotated[str | None, typer.Option("--from", help="Recorded at or after (UTC).")] = None,
    recorded_to: Annotated[str | None, typer.Option("--to", help="Recorded before (UTC).")] = None,
    site: str | None = None,
    device: str | None = None,
    device_software: str | None = None,
    reader: Annotated[str | None, typer.Option(help="Whose over-read it is.")] = None,
    sex: Annotated[str | None, typer.Option(help="male, female or unknown")] = None,
    age_min: Annotated[float | None, typer.Option(help="Years, inclusive.")] = None,
    age_max: Annotated[float | None, typer.Option(help="Years, inclusive.")] = None,
    simulated: Annotated[
        bool | None,
        typer.Option("--simulated/--real", help="Which ECGs; by default real ones where there are any."),
    ] = None,
    hedged: Annotated[str, typer.Option(help="What a hedge counts as: positive, negative or ignore.")] = HEDGED,
    group_by: Annotated[
        list[str] | None,
        typer.Option(help="Give it once or twice: site, device, device_software, reader, sex, age, month, year."),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV instead of columns.")] = False,
) -> None:
    """Print the disagreement table: what experts add to and remove from the machine's readings."""
    from app.disagreement import command

    try:
        filters = {
            "from": recorded_from,
            "to": recorded_to,
            "site": site,
            "device": device,
            "device_software": device_software,
            "reader": reader,
            "sex": sex,
            "age_min": age_min,
            "age_max": age_max,
            "simulated": simulated,
        }
        asked = command.asked(filters, hedged, group_by or ())
        with open_session() as session:
            show(command.answer(session, asked, as_csv=as_csv))
    except command.CannotBeAsked as error:
        fail(str(error))
