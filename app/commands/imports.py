"""`import`: what people have already, brought in; one command a kind of archive."""

import inspect
import signal
import threading
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from app.commands.shared import fail, loading_progress, open_archive, open_session, say, show

if TYPE_CHECKING:
    from app.ecgs.service import Archive
    from app.imports.counts import Imported
    from app.imports.source import Source
    from app.kit.database import Database
    from app.settings import Settings

ACTOR = "command line"
TELL_EVERY_S = 3.0


class KindsGroup(TyperGroup):
    """A group with a command for each kind of archive. Kinds are loaded when they are asked for."""

    again = False

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands."""
        from ml.archives import ARCHIVES

        return [*super().list_commands(ctx), *ARCHIVES]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command of a name, or None."""
        from ml.archives import ARCHIVES

        known = super().get_command(ctx, cmd_name)
        return _command(cmd_name, again=self.again) if known is None and cmd_name in ARCHIVES else known


class RetryGroup(KindsGroup):
    """The same commands, which read what was refused once more."""

    again = True


commands = typer.Typer(cls=KindsGroup, help="Bring in what is elsewhere.", no_args_is_help=True)
commands.add_typer(
    typer.Typer(cls=RetryGroup, help="Read what was refused again, and say how much passes now.", no_args_is_help=True),
    name="retry",
)


@commands.callback()
def _imports() -> None:
    """Bring in what is elsewhere: archives of ECGs, by their kind, and readings."""


def _command(name: str, *, again: bool) -> Any:
    """Return the command that imports archives of a kind, with an option for each of the kind's."""
    from ml.archives import ARCHIVES

    kind = ARCHIVES[name]
    parameters: dict[str, Any] = {
        "path": Annotated[Path | None, typer.Argument(exists=True, show_default=False, help="Its folder or table.")]
    }
    for option in kind.options:
        words = typer.Option(f"--{option.name.replace('_', '-')}", help=option.what, show_default=False)
        parameters[option.name] = Annotated[str | None, words]
    flags = {"without_waveforms": "Store what the tables say, and read no signal."}
    flags["rule_reading"] = "Read ECGs without a machine reading by our rules; marked as ours."
    if not again:
        flags["dry_run"] = "Read everything, store nothing, and print what would be found."
    if not again and kind.at is not None:
        flags["watch"] = "Go on taking what arrives in the folder, until the command is stopped."
    if kind.example:
        flags["example"] = "Print an example of such a table, and end."
    parameters |= {
        flag: Annotated[bool, typer.Option(f"--{flag.replace('_', '-')}", help=what)] for flag, what in flags.items()
    }

    def run(**given: Any) -> None:
        _run(name, again=again, **given)

    by_name = inspect.Parameter.KEYWORD_ONLY
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(each, by_name, annotation=type_, default=False if each in flags else None)
            for each, type_ in parameters.items()
        ]
    )
    run.__annotations__ = parameters
    made = typer.Typer(add_completion=False)
    made.command(name, help=kind.what)(run)
    return typer.main.get_command(made)


def _run(
    kind: str,
    *,
    again: bool,
    path: Path | None,
    without_waveforms: bool,
    rule_reading: bool,
    dry_run: bool = False,
    watch: bool = False,
    example: bool = False,
    **options: str | None,
) -> None:
    from app.ecgs.service import Archive
    from app.imports.places import Places
    from app.imports.source import Source
    from ml.archives import ARCHIVES, BadArchive

    if example:
        show(ARCHIVES[kind].example.rstrip("\n"))
        return
    if path is None:
        raise typer.BadParameter("say which folder or table", param_hint="PATH")
    if watch and dry_run:
        raise typer.BadParameter("a watch stores what it takes: say one of both", param_hint="--dry-run")
    if rule_reading and without_waveforms:
        raise typer.BadParameter("without waveforms there is nothing to read", param_hint="--rule-reading")
    if watch and not path.is_dir():
        fail(f"{path} is no folder")
    try:
        with open_archive() as (database, settings):
            archive = Archive.of(settings)
            folder = Places(archive.hash_patient).folder(kind, path)
            source = Source(
                kind=kind,
                path=path.absolute(),
                options=_from_anywhere(kind, options),
                folder=folder,
                waveforms=not without_waveforms,
                again=again,
                rule_reading=rule_reading,
                watched=watch,
            )
            if watch:
                _watch(database, settings, archive, source)
            else:
                _show(kind, _import(database, settings, archive, source, dry_run=dry_run), dry_run=dry_run)
    except BadArchive as error:
        fail(str(error))


def _from_anywhere(kind: str, options: Mapping[str, str | None]) -> dict[str, str]:
    """Return the options that are given; files and folders by their whole paths, as other processes read them."""
    from ml.archives import ARCHIVES

    paths = {option.name for option in ARCHIVES[kind].options if option.is_path}
    return {
        name: str(Path(value).absolute()) if name in paths else value
        for name, value in options.items()
        if value is not None
    }


def _watch(database: "Database", settings: "Settings", archive: "Archive", source: "Source") -> None:
    """Watch a folder until the command is stopped (SIGINT or SIGTERM); what is being taken is stored before."""
    from app.imports.watching.loop import watch

    stopped = threading.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: stopped.set())
    watch(database, settings, archive, source, actor=ACTOR, tell=say, stop=stopped)


def _import(
    database: "Database", settings: "Settings", archive: "Archive", source: "Source", *, dry_run: bool
) -> "Imported":
    from app.imports.counts import Pace
    from app.imports.dry_run import dry_run as read_only
    from app.imports.importer import Importer
    from app.imports.service import import_archive

    pace = Pace(lambda _, message: say(message), TELL_EVERY_S)
    if dry_run:
        return read_only(database, settings, source, pace)
    with Importer(database, settings, archive, pace) as importer:
        return import_archive(importer, ACTOR, source, import_id=uuid.uuid4(), database=database)


def _show(kind: str, imported: "Imported", *, dry_run: bool) -> None:
    """Print what was done, a line a count."""
    if dry_run:
        show(f"{imported.found:,} found: {imported.ecgs:,} ECGs could be stored; nothing was")
    else:
        new = f"{imported.ecgs:,} new ECGs, {imported.reports:,} new readings, {imported.known:,} known"
        show(f"{imported.found:,} found: {new}")
    for what, counts in (
        ("signals", imported.signals),
        ("readings", imported.readings),
        ("labels found", imported.labels),
        ("refused", imported.refused),
        ("said otherwise than what is stored, which was kept", imported.conflicts),
    ):
        if counts:
            show(f"{what}: " + ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items())))
    if imported.erased:
        show(f"{imported.erased:,} readings or ECGs were erased once and are left out")
    if not imported.found:
        show(f"no {kind} was found there: are kind and folder the right ones?")
    if imported.unread:
        show(f"{imported.unread:,} readings are in a language that the vocabulary does not have")
    if imported.refused_before:
        show(f"{imported.refused_before:,} were refused before: {imported.passed:,} of them pass now")


@commands.command("reports")
def import_reports(
    file: Annotated[typer.FileBinaryRead, typer.Argument(help="JSON lines, a reading each; - for standard input.")],
) -> None:
    """Store readings of ECGs, with or without a waveform here: `docs/how-to/import_reports.md` says what a line holds.

    A line that is no reading ends it, named by number and field, before anything is stored. The same lines again
    change nothing; other words of the same reader are a new version.
    """
    from app.imports.service import import_reports as run

    with open_archive() as (database, settings):
        loaded = run(database, settings, ACTOR, file, progress=loading_progress())
    show(f"{loaded.lines:,} lines: {loaded.ecgs:,} new ECGs, {loaded.reports:,} new readings, {loaded.known:,} known")
    if loaded.unread:
        show(f"{loaded.unread:,} new readings are in a language that the vocabulary does not have")
    for name, count in sorted(loaded.conflicts.items()):
        show(f"{name}: {count:,} said otherwise than what is stored, which was kept")


@commands.command("rejections")
def list_rejections(
    kind: Annotated[str | None, typer.Option(help="Of this kind of archive.")] = None,
    code: Annotated[str | None, typer.Option(help="With this reason.")] = None,
) -> None:
    """Print what imports refused, as CSV, the newest first. Places are shown without what may be somebody's name."""
    from app.imports.rejections.service import as_csv, every

    with open_session() as session:
        show(as_csv(every(session, kind, code)).rstrip("\n"))
