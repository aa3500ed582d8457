"""`simulate` and `disagreement`: readings into the archive, and the table of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.shared import fail, loading_progress, open_archive, open_database, open_session, read_settings, show
from ml.corpus.sources import HEDGED

if TYPE_CHECKING:
    pass

commands = typer.Typer()
simulations = typer.Typer(help="Make what no patient was attached to.", no_args_is_help=True)


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
    with open_archive() as (database, settings):
        with database.begin() as session:
            must_ask = not yes and holds_real(session)
        if must_ask:
            typer.confirm(f"This archive holds real ECGs. Store {pairs:,} simulated pairs beside them?", abort=True)
        simulation.load(database, settings, "command line", simulated, progress=loading_progress())
        table = simulation.table(database, simulated)
    show(table.shown())
    if not table.is_right():
        raise typer.Exit(1)


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
        typer.Option(help="Give it once or twice: site, reader, age, month, hour, blinded, … (as in the API)."),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(help="Any filter of the API, name=value: location=emergency, off_hours=true, qtc_ms_min=500."),
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
        asked = command.asked(filters, where or (), hedged, group_by or (), settings=read_settings())
        with open_session() as session:
            show(command.answer(session, asked, as_csv=as_csv))
    except command.CannotBeAsked as error:
        fail(str(error))


@commands.command()
def watch() -> None:
    """Count all days that are over into the change watch, and print the alarms that wait for an answer."""
    from app.change_watch import service

    with open_database() as (database, settings):
        to = service.count_all(database, settings)
        with database.begin() as session:
            waiting = service.unanswered(session)
    show(f"counted to {to}" if to is not None else "nothing to count")
    for alarm in waiting:
        where = ", ".join(each or "unknown" for each in (alarm.site, alarm.device, alarm.device_software))
        now, before = alarm.events / alarm.readings, alarm.reference_events / alarm.reference_readings
        rates = f"{now:.1%} since {alarm.since}, before {before:.1%}"
        show(f"{alarm.day} {alarm.label} {alarm.direction} at {where}: {rates}")
