"""`export`: pairs, reports, findings, measurements and waveforms, taken out into a folder."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands.shared import fail, open_database, say, show

if TYPE_CHECKING:
    from app.exports.schemas import ExportIn
    from app.kit.database import Database
    from app.settings import Settings

commands = typer.Typer()

ACTOR = "command line"
TELL_EVERY_S = 3.0


@commands.command()
def export(
    folder: Annotated[Path, typer.Argument(help="A folder that is not there yet.")],
    what: Annotated[
        list[str] | None,
        typer.Option(help="pairs, findings, reports, measurements, waveforms; repeat it. Absent: pairs."),
    ] = None,
    text: Annotated[bool, typer.Option("--text", help="With the words of reports.")] = False,
    where: Annotated[
        list[str] | None,
        typer.Option(help="A filter of the disagreement table as name=value, such as site=north; repeat it."),
    ] = None,
) -> None:
    """Take pairs out of the archive, as Parquet tables and WFDB files, with a README that says what they hold."""
    from pydantic import ValidationError

    from app.disagreement.off_hours import OffHours
    from app.exports.schemas import ExportIn
    from app.kit.problems import Problem, field_errors

    if folder.exists():
        fail(f"{folder} is there already")
    filters = dict(each.partition("=")[::2] for each in where or ())
    try:
        request = ExportIn.model_validate({"what": list(dict.fromkeys(what or ["pairs"])), "filters": filters})
        request.chosen(OffHours())
        with open_database() as (database, settings):
            result = _export(database, settings, folder.absolute(), request.model_copy(update={"text": text}))
    except ValidationError as error:
        wrong = field_errors(error.errors())[0]
        fail(f"{wrong.field}: {wrong.reason}")
    except Problem as problem:
        fail("; ".join(f"{wrong.field}: {wrong.reason}" for wrong in problem.errors) or problem.detail)
    show(f"{result['pairs']:,} pairs in {folder}: {', '.join(each['name'] for each in result['files'])}")
    for code, count in result.get("left_out", {}).items():
        show(f"{count:,} waveforms left out: {code}")


def _export(database: "Database", settings: "Settings", folder: Path, request: "ExportIn") -> Any:
    from app.disagreement.off_hours import OffHours
    from app.disagreement.written import as_parameters
    from app.ecgs.filters import settled
    from app.ecgs.service import Archive
    from app.exports.service import Exporter, make_durable
    from app.exports.waveforms import in_a_folder
    from app.kit import audit

    with database.begin() as session:
        chosen = settled(session, request.chosen(OffHours.of(settings)))
        request = request.model_copy(update={"filters": as_parameters(chosen)})
    building = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(building, ignore_errors=True)  # an earlier attempt's
    building.mkdir(parents=True)
    with database.begin() as session:
        result = Exporter(session, request, chosen, _tell()).write(building, Archive.of(settings), in_a_folder)
    make_durable(building)
    with database.begin() as session:
        after = {"pairs": result["pairs"], **request.model_dump()}
        audit.record(session, ACTOR, "export", "archive", resource_id="folder", after=after)
    building.rename(folder)
    return result


def _tell() -> Callable[[float, str], None]:
    """Return a listener that says how far an export is, at most once in three seconds."""
    said = time.monotonic()

    def tell(fraction: float, message: str) -> None:
        nonlocal said
        if time.monotonic() - said > TELL_EVERY_S:
            said = time.monotonic()
            say(f"{fraction:.0%} {message}")

    return tell
