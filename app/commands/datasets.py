"""`split`: a frozen dataset divided in another way, without a service or a database."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.commands.shared import fail, say

if TYPE_CHECKING:
    from ml.corpus.split_rules import SplitRule

commands = typer.Typer()


@commands.command()
def split(
    folder: Annotated[Path, typer.Argument(help="A frozen dataset.", exists=True, file_okay=False)],
    out: Annotated[Path, typer.Argument(help="The folder to make; it must not exist.")],
    by: Annotated[str, typer.Option(help="patient, record, fold, site or date.")] = "patient",
    test: Annotated[list[str] | None, typer.Option(help="A fold or site to measure on; again for another one.")] = None,
    validation: Annotated[list[str] | None, typer.Option(help="A fold or site to choose thresholds on.")] = None,
    train: Annotated[list[str] | None, typer.Option(help="A fold or site to train on; without it all others.")] = None,
    test_from: Annotated[str | None, typer.Option(help="By date: measure on what is recorded from then on.")] = None,
    validation_from: Annotated[
        str | None, typer.Option(help="By date: choose thresholds on what comes before.")
    ] = None,
    shared_patients: Annotated[
        str | None, typer.Option(help="refuse, leave_out or keep: of patients who would be in two splits.")
    ] = None,
    fractions: Annotated[
        tuple[float, float, float] | None,
        typer.Option(help="Shares for train, validation and test; without it the paper's."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Divide a frozen dataset in another way: the same windows and labels, other splits, a hash of its own."""
    from ml.corpus.resplit import resplit
    from ml.corpus.split_rules import FRACTIONS
    from ml.corpus.splits import SPLITS, CannotSplit
    from ml.corpus.store import InvalidStore

    given = {
        "by": by,
        "test": test,
        "validation": validation,
        "train": train,
        "test_from": test_from,
        "validation_from": validation_from,
        "shared_patients": shared_patients,
    }
    rule = _rule({name: value for name, value in given.items() if value})
    try:
        description = resplit(folder, out, rule, seed=seed, fractions=fractions or FRACTIONS)
    except (CannotSplit, InvalidStore, ValueError) as error:
        fail(str(error))
    summary = description["summary"]
    windows = ", ".join(f"{name} {summary['splits'][name]['windows']:,}" for name in SPLITS)
    left = "".join(f"; left out: {count:,} {reason}" for reason, count in summary["left_out"].items())
    say(f"{windows} windows; {summary['shared_patients']:,} patients in two splits{left}")
    say(f"{out}: sha256 {description['content_sha256']}")


def _rule(given: dict[str, Any]) -> "SplitRule":
    """Return the rule that the options describe; a day is that day's beginning in UTC."""
    from pydantic import TypeAdapter, ValidationError

    from ml.corpus.split_rules import SplitRule

    for name in ("test_from", "validation_from"):
        if len(given.get(name, "")) == len("2026-01-31"):
            given[name] += "T00:00:00Z"
    rules: TypeAdapter[SplitRule] = TypeAdapter(SplitRule)
    try:
        return rules.validate_python(given)
    except ValidationError as error:
        said = []
        for each in error.errors():
            place = [str(part).replace("_", "-") for part in each["loc"][1:2]]
            said.append(f"{'--' + place[0] + ': ' if place else ''}{each['msg'].removeprefix('Value error, ')}")
        fail("; ".join(said))
