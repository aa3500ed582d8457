"""`erase`: ECGs and patients, for good."""

import uuid
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands.shared import fail, open_database, show

if TYPE_CHECKING:
    from app.erasures.service import Asked

commands = typer.Typer(help="Erase ECGs and patients for good.", no_args_is_help=True)

ACTOR = "command line"
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@commands.command("ecg")
def erase_ecg(ecg: uuid.UUID, yes: Yes = False) -> None:
    """Erase an ECG, by its id."""
    from app.erasures.service import Asked

    _erase(Asked(ecg_id=ecg), yes)


@commands.command("patient")
def erase_patient(
    patient: Annotated[str | None, typer.Argument(help="The keyed hash; without it the number is asked for.")] = None,
    yes: Yes = False,
) -> None:
    """Erase a patient with all ECGs. The number is asked for, because others see what stands in a command."""
    from app.ecgs.patients import PatientHasher
    from app.erasures.service import Asked

    if patient is None:
        number = typer.prompt("Patient number", hide_input=True)
        with open_database() as (_, settings):
            hashed = PatientHasher(settings)(number)
    else:
        try:
            hashed = bytes.fromhex(patient)
        except ValueError:
            fail("a patient's hash has 64 hexadecimal digits")
    _erase(Asked(patient_hash=hashed), yes)


@commands.command("lift")
def lift(erasure: uuid.UUID) -> None:
    """Let what was erased be stored again, if it is sent again; by the erasure's id."""
    from app.erasures import service
    from app.kit.problems import Problem

    with open_database() as (database, _):
        try:
            with database.begin() as session:
                service.lift(session, ACTOR, erasure)
        except Problem as problem:
            fail(problem.detail)
    show("Lifted: uploads and imports may store it again.")


def _erase(asked: "Asked", yes: bool) -> None:
    from app.ecgs.service import Archive
    from app.erasures import queries, service
    from app.kit.folders import open_folders
    from app.kit.problems import Problem

    if not yes:
        typer.confirm("This cannot be undone. Erase?", abort=True)
    with open_database() as (database, settings):
        archive = Archive.of(settings)
        try:
            with database.begin() as session:
                erased = service.erase(session, archive.hash_patient, ACTOR, asked)
                not_known = queries.datasets_of_unknown_ecgs(session)
        except Problem as problem:
            fail(problem.detail)
        service.try_to_delete_objects(database, archive.store, open_folders(settings, archive.store))
    show(
        f"Erased {erased.ecgs} ECGs with {erased.reports} reports, {erased.texts} texts and {erased.predictions} "
        f"predictions. Erasure {erased.id}."
    )
    for name, held in (("Datasets", erased.datasets), ("Models", erased.models)):
        if held:
            show(f"{name} that hold them: {', '.join(map(str, held))}")
    if not_known:
        show(f"Datasets of which it is not known: {', '.join(map(str, not_known))}")
