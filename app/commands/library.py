"""`predict`, `read` and `labels`: the library without a service or a database."""

import json
import math
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from app.commands.shared import fail, say, show

if TYPE_CHECKING:
    from ml.inference.found import Record
    from ml.inference.predictor import Predictor
    from ml.labeling import Labeler, Vocabulary
    from ml.rules.on_disk import ReadRecord
    from ml.rules.rule import Sex
    from ml.rules.rule_book import Cut

commands = typer.Typer()
labels = typer.Typer(help="Reports to labels.", no_args_is_help=True)

_NAMED = 5  # of a folder's files that are no ECGs


@commands.command()
def predict(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="A record, a folder, an .npz of windows, or a dataset's windows.npy."),
    ],
    model: Annotated[
        Path | None, typer.Option(help="A bundle; the starter model when absent.", exists=True, file_okay=False)
    ] = None,
    allow_own: Annotated[
        bool, typer.Option(help="Import the encoder that the bundle names, if any. Only for bundles you trust.")
    ] = False,
) -> None:
    """Predict without a service: a line of JSON with a probability for each label of each window.

    A file that cannot be read is named on standard error with the reason. The others are answered, and the status is 1.
    """
    from ml.bundles.bundle import InvalidBundle
    from ml.inference.found import Skipped, Unread
    from ml.inference.inputs import read_all
    from ml.inference.predictor import Predictor
    from ml.processes.own_code import OwnCodeError
    from ml.starter import BUNDLE

    try:
        predictor = Predictor(model or BUNDLE, allow_own=allow_own)
    except (InvalidBundle, OwnCodeError) as error:
        fail(str(error))
    all_read = True
    for found in read_all(paths, predictor.preprocessing):
        if isinstance(found, Skipped):
            more = f" and {len(found.names) - _NAMED} more" if len(found.names) > _NAMED else ""
            say(_one_line(f"{found.folder}: skipped, not ECGs: {', '.join(found.names[:_NAMED])}{more}"))
        elif isinstance(found, Unread):
            say(_one_line(f"{found.name}: {found.reason}"))
            all_read = False
        else:
            all_read &= _answer(predictor, found)
    if not all_read:
        raise typer.Exit(1)


@commands.command("read")
def read_by_rules(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="A record, or a folder with records.")],
    sex: Annotated[
        str,
        typer.Option(help="The patient's, male or female, where the file does not say it: thresholds depend on it."),
    ] = "unknown",
    thresholds: Annotated[
        str, typer.Option(help="textbook, or best: those that agree best with PTB-XL's experts.")
    ] = "textbook",
    text: Annotated[bool, typer.Option("--text", help="For people: the report alone.")] = False,
) -> None:
    """Read ECGs by rules, as a classical machine does: a line of JSON with text, labels and scores for each record.

    Needs no service. What is not readable says why. A file that is no ECG is named on standard error, and the status
    is then 1.
    """
    from typing import get_args

    from ml.rules.on_disk import NotRead, read_paths
    from ml.rules.rule import Sex
    from ml.rules.rule_book import Cut

    if sex not in get_args(Sex):
        raise typer.BadParameter(f"one of {', '.join(get_args(Sex))}", param_hint="--sex")
    if thresholds not in get_args(Cut):
        raise typer.BadParameter(f"one of {', '.join(get_args(Cut))}", param_hint="--thresholds")
    all_read = True
    for found in read_paths(paths, sex=cast("Sex", sex), cut=cast("Cut", thresholds)):
        if isinstance(found, NotRead):
            say(_one_line(f"{found.name}: {found.reason}"))
            all_read = False
        else:
            show(f"{found.name}\n{found.reading.text}\n" if text else _as_json(found))
    if not all_read:
        raise typer.Exit(1)


def _as_json(record: "ReadRecord") -> str:
    reading = record.reading
    scores = {label: None if math.isnan(score) else round(score, 3) for label, score in reading.scores.items()}
    said = {
        "record": record.name,
        "device_software": reading.version,
        "text": reading.text,
        "labels": [each.label for each in reading.statements if each.label is not None],
        "scores": scores,
        "not_readable": [reason.code for reason in reading.not_readable],
    }
    return json.dumps(said, allow_nan=False)


def _answer(predictor: "Predictor", record: "Record") -> bool:
    """Print a record's predictions; return whether there were any."""
    try:
        answers = predictor.window_probabilities(record.windows)
        labels = {label.key for label in predictor.manifest.labels}
        machine = {"machine": _statuses(record.machine, labels)} if record.machine is not None else {}
        lines = [
            json.dumps({"record": record.name, "window": window, "probabilities": answer, **machine}, allow_nan=False)
            for window, answer in enumerate(answers, start=record.first)
        ]
    except ValueError as error:  # not a number, or a matrix that has no solution
        say(_one_line(f"{record.name}: the model has no answer ({error})"))
        return False
    for line in lines:
        show(line)
    return True


def _statuses(report: str, labels: Collection[str]) -> dict[str, str]:
    """Return the status of each of a model's labels that a report mentions."""
    found = _labeler().read(report).findings
    return {finding.label: finding.status for finding in found if finding.label in labels}


@cache
def _labeler() -> "Labeler":
    from ml.labeling import builtin_labeler

    return builtin_labeler()


def _one_line(message: str) -> str:
    """Return a message without line ends: the name of a file may have some."""
    return message.replace("\n", "\\n")


@labels.command("extract")
def extract(
    file: Annotated[
        typer.FileBinaryRead, typer.Argument(help='JSON lines, {"id", "text", "language"?} each; - for standard input.')
    ],
    vocabulary: Annotated[
        Path | None, typer.Option(help="A vocabulary file; the shipped one when absent.", exists=True, dir_okay=False)
    ] = None,
    profile: Annotated[str | None, typer.Option(help="One of the vocabulary's profiles.")] = None,
    language: Annotated[
        str | None, typer.Option(help='The language of lines that name none, as "de": one not read makes them unread.')
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="For people: the words behind each finding.")] = False,
) -> None:
    """Read reports: a line of JSON with the labels present, uncertain, negated and historical for each line given.

    Needs no database. A line that is not a report ends the command with status 2, and the message names the line.
    """
    from ml.labeling import Labeler
    from ml.labeling import lines as reports

    labeler = Labeler(_vocabulary(vocabulary, profile))
    write = reports.explained if explain else reports.extracted
    try:
        declared = reports.language_code(language)
    except ValueError as error:
        fail(f"--language: {error}")
    try:
        for report in reports.read(file):
            show(write(labeler, report._replace(language=report.language or declared)))
    except reports.NoReport as error:
        fail(str(error))


@labels.command("validate")
def validate(file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)]) -> None:
    """Check a vocabulary file; each mistake is named with its line, each term that finds nothing with what hides it."""
    from ml.labeling import Labeler
    from ml.labeling.hidden import hidden_terms

    vocabulary = _vocabulary(file, None)
    for hidden in hidden_terms(Labeler(vocabulary)):
        say(str(hidden))
    say(f"{file}: version {vocabulary.version}, {len(vocabulary.labels)} labels, {', '.join(vocabulary.languages)}")


def _vocabulary(file: Path | None, profile: str | None) -> "Vocabulary":
    from ml.labeling import Vocabulary, VocabularyError, builtin

    try:
        vocabulary = builtin() if file is None else Vocabulary.parse(file.read_text(encoding="utf-8"))
    except (VocabularyError, UnicodeDecodeError) as error:
        fail(f"{file}: {error}")
    if profile is None:
        return vocabulary
    if profile not in vocabulary.profiles:
        fail(f"--profile: {profile!r} is none of {', '.join(vocabulary.profiles)}")
    return vocabulary.profile(profile)
