"""The `overread` command."""

import json
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from pydantic import ValidationError
from sqlalchemy.orm import Session

from app.settings import Settings

if TYPE_CHECKING:
    from app.imports.loader import Loaded
    from app.kit.database import Database
    from ml.labeling import Vocabulary

cli = typer.Typer(help="ECG labelling and discrepancy analysis.", no_args_is_help=True, pretty_exceptions_enable=False)
users = typer.Typer(help="Users and their roles.", no_args_is_help=True)
keys = typer.Typer(help="API keys.", no_args_is_help=True)
labels = typer.Typer(help="Reports to labels.", no_args_is_help=True)
imports = typer.Typer(help="Bring in what is elsewhere.", no_args_is_help=True)
simulations = typer.Typer(help="Make what no patient was attached to.", no_args_is_help=True)
cli.add_typer(users, name="user")
cli.add_typer(keys, name="key")
cli.add_typer(labels, name="labels")
cli.add_typer(imports, name="import")
cli.add_typer(simulations, name="simulate")

Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on.")]


def main() -> None:
    """Run the command; what a user can mend is one line, not a stack trace."""
    from app.auth.service import AuthError, InvalidName
    from app.embedded.postgres import EmbeddedPostgresError
    from app.embedded.serve import NotMigrated
    from app.imports.lines import BadLine
    from app.jobs.run import JobFailed

    try:
        cli()
    except ValidationError as error:
        for problem in error.errors():
            _say(f"OVERREAD_{'_'.join(str(part) for part in problem['loc']).upper()}: {problem['msg']}")
        sys.exit(2)
    except InvalidName as error:
        _say(str(error))
        sys.exit(2)
    except (AuthError, BadLine, EmbeddedPostgresError, JobFailed, NotMigrated) as error:
        _say(str(error))
        sys.exit(1)


@cli.command()
def serve(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Run the web service, with a private PostgreSQL and workers where none are configured."""
    from app.embedded.serve import serve as run

    run(_settings(), host, port)


@cli.command()
def worker(
    queue: Annotated[list[str], typer.Option(help="cpu, train or infer; cpu and train may be given together.")],
    parent_pipe: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Work on jobs (cpu, train), or answer predictions (infer)."""
    from app.steps import QUEUES

    if unknown := set(queue) - {*QUEUES, "infer"}:
        raise typer.BadParameter(f"no such queue: {', '.join(sorted(unknown))}", param_hint="--queue")
    if "infer" in queue and len(queue) > 1:
        raise typer.BadParameter("infer is a worker of its own", param_hint="--queue")
    settings = _settings()
    if settings.database_url is None:
        _fail("a worker needs OVERREAD_DATABASE_URL; without one `overread serve` runs its own workers")
    if parent_pipe:
        threading.Thread(target=_end_with_parent, name="parent-pipe", daemon=True).start()
    if queue == ["infer"]:
        from app.predictions.worker import work as answer

        answer(settings)
    else:
        from app.jobs.worker import work
        from app.steps import KINDS, TIDY

        work(settings, queue, KINDS, TIDY)


@cli.command()
def migrate() -> None:
    """Bring the database's schema to this release's."""
    from app.kit.database import Database
    from app.migrate import migrate as run

    settings = _settings()
    if settings.database_url is None:
        _fail("OVERREAD_DATABASE_URL is not set; the private PostgreSQL is migrated by `overread serve`")
    database = Database(settings)
    run(database)
    database.close()
    typer.echo("The schema is up to date.")


@cli.command()
def demo(
    ptbxl: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="A PTB-XL folder; simulated ECGs without.")
    ] = None,
    port: Port = 8000,
    exit_after: Annotated[bool, typer.Option("--exit", help="End after the last step.")] = False,
) -> None:
    """Walk the whole way once: upload, disagreement, dataset, training, promotion, prediction."""
    from app.demo.tour import run

    sys.exit(run(_settings(), ptbxl, port, exit_after))


@cli.command()
def predict(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="A WFDB record, a folder of records, or an .npz of windows.")
    ],
    model: Annotated[
        Path | None, typer.Option(help="A bundle; the starter model when absent.", exists=True, file_okay=False)
    ] = None,
) -> None:
    """Predict without a service: a line of JSON with a probability for each label of each window.

    What cannot be read is named on standard error with the reason; the others are answered, and the status is 1.
    """
    from ml.bundles.bundle import InvalidBundle
    from ml.inference.inputs import Unread, read_all
    from ml.inference.predictor import Predictor
    from ml.starter import BUNDLE

    try:
        predictor = Predictor(model or BUNDLE)
    except InvalidBundle as error:
        _fail(str(error))
    all_read = True
    for record in read_all(paths, predictor.preprocessing):
        if isinstance(record, Unread):
            _say(f"{record.name}: {record.reason}")
            all_read = False
            continue
        for window, probabilities in enumerate(predictor.window_probabilities(record.windows)):
            line = {"record": record.name, "window": window, "probabilities": probabilities}
            typer.echo(json.dumps(line, allow_nan=False))
    if not all_read:
        raise typer.Exit(1)


@users.command("add")
def add_user(name: str, role: Annotated[str, typer.Option(help="viewer, reader, researcher or admin")]) -> None:
    """Make a user and print a key, once."""
    from app.auth import service

    with _session() as session:
        user = service.create_user(session, "command line", name, _role(role))
        typer.echo(service.issue_key(session, "command line", user.name))


@users.command("role")
def change_role(name: str, role: str) -> None:
    """Change a user's role."""
    from app.auth import service

    with _session() as session:
        service.set_role(session, "command line", name, _role(role))


@users.command("disable")
def disable_user(name: str) -> None:
    """Close all of a user's keys at once."""
    from app.auth import service

    with _session() as session:
        service.disable_user(session, "command line", name)


@users.command("list")
def list_users() -> None:
    """List users and their keys' ids (never the keys)."""
    from app.auth import queries

    with _session() as session:
        for user in queries.users(session):
            typer.echo(f"{user.name}\t{user.role}\t{'disabled' if user.disabled_at else 'enabled'}")
            for key in queries.keys_of(session, user.id):
                typer.echo(f"\t{key.id}\t{key.hint}…\t{'revoked' if key.revoked_at else 'active'}")


@keys.command("issue")
def issue_key(user: str) -> None:
    """Make another key for a user and print it, once."""
    from app.auth import service

    with _session() as session:
        typer.echo(service.issue_key(session, "command line", user))


@keys.command("revoke")
def revoke_key(key_id: uuid.UUID) -> None:
    """Close a key for good."""
    from app.auth import service

    with _session() as session:
        service.revoke_key(session, "command line", key_id)


@labels.command("extract")
def extract(
    file: Annotated[
        typer.FileBinaryRead, typer.Argument(help='JSON lines, {"id", "text"} each; - for standard input.')
    ],
    vocabulary: Annotated[
        Path | None, typer.Option(help="A vocabulary file; the shipped one when absent.", exists=True, dir_okay=False)
    ] = None,
    profile: Annotated[str | None, typer.Option(help="One of the vocabulary's profiles.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="For people: the words behind each finding.")] = False,
) -> None:
    """Read reports: a line of JSON with the labels present, uncertain, negated and historical for each line given.

    Needs no database. A line that is no report ends it with status 2 and its number; what came before is written.
    """
    from ml.labeling import Labeler
    from ml.labeling import lines as reports

    labeler = Labeler(_vocabulary(vocabulary, profile))
    write = reports.explained if explain else reports.extracted
    try:
        for report in reports.read(file):
            typer.echo(write(labeler, report))
    except reports.NoReport as error:
        _fail(str(error))


@labels.command("validate")
def validate(file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)]) -> None:
    """Check a vocabulary file; each mistake is named with its line."""
    vocabulary = _vocabulary(file, None)
    _say(f"{file}: version {vocabulary.version}, {len(vocabulary.labels)} labels, {', '.join(vocabulary.languages)}")


@imports.command("reports")
def import_reports(
    file: Annotated[typer.FileBinaryRead, typer.Argument(help="JSON lines, a reading each; - for standard input.")],
) -> None:
    """Store readings of ECGs, with or without a tracing here: `docs/how-to/import_reports.md` says what a line holds.

    A line that is no reading ends it, named by number and field, before anything is stored. The same lines again
    change nothing; other words of the same reader are a new version.
    """
    from app.imports.service import import_reports as run

    with _database() as (database, settings):
        loaded = run(database, settings, "command line", file, _say_loaded())
    typer.echo(
        f"{loaded.lines:,} lines: {loaded.ecgs:,} new ECGs, {loaded.reports:,} new readings, {loaded.known:,} known"
    )
    for name, count in sorted(loaded.conflicts.items()):
        typer.echo(f"{name}: {count:,} said otherwise than what is stored, which was kept")


@simulations.command("reports")
def simulate_reports(
    pairs: Annotated[int, typer.Option(min=1_000, max=100_000_000, help="ECGs with two readings each.")],
    table_a1: Annotated[bool, typer.Option("--table-a1", help="Counts of the paper's Table A.1, scaled.")] = False,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    ledger: Annotated[Path | None, typer.Option(help="Write what was simulated, as JSON.", dir_okay=False)] = None,
) -> None:
    """Store simulated pairs of readings, and show the table beside what was simulated; status 1 where they differ."""
    from app.imports import simulation
    from ml.corpus.simulator import table_a1 as counts

    if not table_a1:
        raise typer.BadParameter("say --table-a1: no other rates are known", param_hint="--table-a1")
    simulated = simulation.Archive(counts(pairs), pairs, seed)
    if ledger is not None:
        try:
            ledger.write_text(simulated.as_json(), encoding="utf-8")
        except OSError as error:
            _fail(f"--ledger: {ledger}: {error.strerror}")
    with _database() as (database, settings):
        simulation.load(database, settings, "command line", simulated, _say_loaded())
        table = simulation.table(database, simulated)
    typer.echo(table.shown())
    if not table.is_right():
        raise typer.Exit(1)


def _say_loaded() -> "Callable[[Loaded], None]":
    """Say how far a load is, at most once in five seconds."""
    start = said = time.monotonic()

    def say(loaded: "Loaded") -> None:
        nonlocal said
        if time.monotonic() - said > 5:
            said = time.monotonic()
            _say(f"{loaded.lines:,} readings in {said - start:.0f} s")

    return say


@cli.command()
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
    hedged: Annotated[str, typer.Option(help="What a hedge counts as: positive, negative or ignore.")] = "positive",
    group_by: Annotated[
        list[str] | None,
        typer.Option(help="Give it once or twice: site, device, device_software, reader, sex, age, month, year."),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV instead of columns.")] = False,
) -> None:
    """Print the disagreement table: what experts add to and remove from the machine's readings."""
    from app.disagreement import command

    try:
        asked = command.asked(
            recorded_from, recorded_to, site, device, device_software, reader, sex, age_min, age_max, hedged, group_by
        )
        with _session() as session:
            typer.echo(command.answer(session, asked, as_csv=as_csv))
    except command.CannotBeAsked as error:
        _fail(str(error))


def _vocabulary(file: Path | None, profile: str | None) -> "Vocabulary":
    from ml.labeling import Vocabulary, VocabularyError, builtin

    try:
        vocabulary = builtin() if file is None else Vocabulary.parse(file.read_text(encoding="utf-8"))
    except (VocabularyError, UnicodeDecodeError) as error:
        _fail(f"{file}: {error}")
    if profile is None:
        return vocabulary
    if profile not in vocabulary.profiles:
        _fail(f"--profile: {profile!r} is none of {', '.join(vocabulary.profiles)}")
    return vocabulary.profile(profile)


def _settings() -> Settings:
    from app.kit import logs

    settings = Settings()
    logs.configure(settings.log_json)
    return settings


@contextmanager
def _session() -> Iterator[Session]:
    """Give a session on the configured database, or on the private one (started for this if nobody runs it)."""
    with _database() as (database, _), database.begin() as session:
        yield session


@contextmanager
def _database() -> "Iterator[tuple[Database, Settings]]":
    from app.embedded.postgres import running_url
    from app.embedded.serve import NotMigrated, database_of
    from app.kit.database import Database
    from app.migrate import is_current
    from app.migrate import migrate as bring_up

    settings = _settings()
    if settings.database_url is None and (url := running_url(settings.data_dir / "postgres")):
        settings = settings.model_copy(update={"database_url": url})  # `overread serve` runs on this folder
    with database_of(settings) as complete:
        database = Database(complete)
        try:
            if settings.database_url is None:
                bring_up(database)
            elif not is_current(database):
                raise NotMigrated("the database's schema is not this release's: run `overread migrate` first")
            yield database, complete
        finally:
            database.close()


def _role(given: str):  # type: ignore[no-untyped-def]
    from app.auth.service import ROLES

    if given not in ROLES:
        raise typer.BadParameter(f"must be one of {', '.join(ROLES)}", param_hint="role")
    return given


def _end_with_parent() -> None:
    """End when the process that started this one has ended: its end of the pipe closes."""
    while os.read(0, 1024):  # not sys.stdin: its lock would be held when the interpreter ends
        pass
    os._exit(1)


def _say(message: str) -> None:
    typer.echo(f"overread: {message}", err=True)


def _fail(message: str) -> NoReturn:
    _say(message)
    raise typer.Exit(2)


if __name__ == "__main__":
    main()
