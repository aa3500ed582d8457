"""The `overread` command."""

import errno
import os
import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from sqlalchemy.exc import OperationalError

from app.commands import archive, bundles, datasets, erase, exports, imports, library, models, people, running, sites
from app.commands.shared import say, show
from app.kit.explained import Explained
from app.settings import ENV_FILE, PREFIX

cli = typer.Typer(help="ECG labelling and discrepancy analysis.", no_args_is_help=True, pretty_exceptions_enable=False)
for commands in (
    running.commands,
    library.commands,
    bundles.commands,
    datasets.commands,
    archive.commands,
    exports.commands,
):
    cli.add_typer(commands)
cli.add_typer(people.users, name="user")
cli.add_typer(people.keys, name="key")
cli.add_typer(library.labels, name="labels")
cli.add_typer(models.models, name="models")
cli.add_typer(imports.commands, name="import")
cli.add_typer(erase.commands, name="erase")
cli.add_typer(sites.sites, name="site")
cli.add_typer(archive.simulations, name="simulate")


def _show_version(asked: bool) -> None:
    if asked:
        show(f"overread {metadata.version('overread')}")
        raise typer.Exit


@cli.callback()
def options(
    env_file: Annotated[
        Path | None,
        typer.Option(help="A file of settings, NAME=value a line. None is read without this or OVERREAD_ENV_FILE."),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Store ECGs with two readings each, show what experts change, train models, answer predictions."""
    if env_file is not None:
        os.environ[ENV_FILE] = str(env_file)


def main() -> None:
    """Run the command; what a user can mend is one line, not a stack trace."""
    os.umask(0o077)  # what a command writes holds patients' data or keys
    try:
        cli()
    except ValidationError as error:
        for problem in error.errors():
            say(f"{PREFIX}{'_'.join(str(part) for part in problem['loc']).upper()}: {problem['msg']}")
        sys.exit(2)
    except Explained as error:
        say(str(error))
        sys.exit(error.status)
    except OperationalError as error:
        say(f"the database does not answer: {str(error.orig).splitlines()[0]}")
        sys.exit(1)
    except OSError as error:
        say(f"{error.filename}: {error.strerror}" if error.filename else f"cannot write: {error.strerror}")
        if error.errno == errno.ENOSPC and error.filename is None:  # it was standard output: let it be, at the end too
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


if __name__ == "__main__":
    main()
