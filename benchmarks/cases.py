"""What the product says of each failing input: `python -m benchmarks.cases [FOLDER] [--url DATABASE]`.

Sends every case of the folder (`../shared/cases` when absent) to the service, and to the command that would read it.
Prints a table: the case, whether the answer is right, and the answer. A case with an `expected_mv.npy` must be read to
these millivolts; for the others `CHECKS` says what is right. The status is 1 where an answer is wrong. The service runs
in this process on a PostgreSQL of its own, or on the empty database of `--url`.
"""

import argparse
import io
import logging
import os
import re
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import structlog
from fastapi.testclient import TestClient
from numpy.typing import NDArray
from sqlalchemy import MetaData, Text, cast, func, literal_column, select

from app.auth import service as auth
from app.embedded.postgres import EmbeddedPostgres
from app.kit.database import Database
from app.main import create_app
from app.migrate import migrate
from app.settings import Settings
from ml.corpus.simulator.heart import record
from ml.formats.wfdb import write_wfdb
from ml.inference.found import Record
from ml.inference.inputs import read_all
from ml.signals import Preprocessing, preprocess

ROOT = Path(__file__).resolve().parents[1]
CASES = ROOT.parent / "shared" / "cases"
EXPECTED = "expected_mv.npy"
SAMPLING_RATE_HZ = 500.0  # of every expected signal
TOLERANCE_MV = 1e-9
SHEET = re.compile(r'viewBox="0 0 [\d.]+ ([\d.]+)"')
POINT = re.compile(r"[\d.]+,(-?[\d.]+)")


class Answer(NamedTuple):
    """What the product said, and whether that is right; None where the case is planned for a later release."""

    said: str
    is_right: bool | None


class Service(NamedTuple):
    """The running product."""

    client: TestClient
    database: Database

    def upload(self, files: dict[str, bytes]) -> tuple[str, dict[str, Any]]:
        """Upload files with these names; return the answer in words, and its body."""
        answer = self.client.post("/v1/ecgs", files=[("file", item) for item in files.items()])
        body = answer.json()
        codes = ", ".join(dict.fromkeys(error["code"] for error in body.get("errors", ())))
        return f"{answer.status_code} {codes}".strip(), body

    def waveform_mv(self, ecg_id: str) -> NDArray[np.float64]:
        """Return the stored waveform, (12, n)."""
        answer = self.client.get(f"/v1/ecgs/{ecg_id}/waveform", params={"format": "npy"})
        waveform: NDArray[np.float64] = np.load(io.BytesIO(answer.content))
        return waveform


Check = Callable[[Service, Path], Answer]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=CASES)
    parser.add_argument("--url", help="an empty PostgreSQL database, postgresql://…")
    given = parser.parse_args()
    if not given.folder.is_dir():
        parser.error(f"there is no folder {given.folder}")
    folders = sorted(path for path in given.folder.iterdir() if path.is_dir())
    wrong = 0
    with running(given.url) as service:
        for folder in folders:
            answer = answer_of(service, folder)
            verdict = {True: "right", False: "WRONG", None: "planned"}[answer.is_right]
            wrong += answer.is_right is False
            print(f"{folder.name:32} {verdict:8} {answer.said}")
    print(f"{len(folders)} cases, {wrong} wrong")
    sys.exit(1 if wrong else 0)


def answer_of(service: Service, folder: Path) -> Answer:
    """Return what the product says of one case."""
    check = CHECKS.get(folder.name) or (read_as_expected if (folder / EXPECTED).exists() else None)
    return check(service, folder) if check else Answer("no check is known", False)


def read_as_expected(service: Service, folder: Path) -> Answer:
    """Upload the case and give its folder to the command; both must read what is expected."""
    expected = np.load(folder / EXPECTED)
    said, body = service.upload(files_of(folder))
    if "id" not in body:
        return Answer(f"upload: {said}", False)
    error_mv = float(np.abs(service.waveform_mv(body["id"]) - expected).max())
    found = list(read_all([folder], Preprocessing()))
    records = [each for each in found if isinstance(each, Record)]
    windows = preprocess(expected, SAMPLING_RATE_HZ).values
    command = len(records) == 1 and np.allclose(records[0].windows, windows, atol=1e-6)
    said = f"upload: {said}, off by at most {error_mv:.1g} mV; command: {'the same' if command else found}"
    return Answer(said, error_mv <= TOLERANCE_MV and command)


def refused_as(*codes: str) -> Check:
    """Return the check that an upload is a 422 with these codes."""

    def check(service: Service, folder: Path) -> Answer:
        said, body = service.upload(files_of(folder))
        found = {error["code"] for error in body.get("errors", ())}
        return Answer(f"upload: {said}: {body.get('detail', '')}", found == set(codes))

    return check


def planned(service: Service, folder: Path) -> Answer:
    """Say how a format of a later release is refused."""
    said, body = service.upload(files_of(folder))
    return Answer(f"upload: {said}: {body.get('detail', '')}", None)


def drawn_on_the_sheet(service: Service, folder: Path) -> Answer:
    """Read the case as expected, and see that its plot lies on the paper and says the offset."""
    read = read_as_expected(service, folder)
    _, body = service.upload(files_of(folder))
    svg = service.client.get(f"/v1/ecgs/{body['id']}/plot.svg").text
    [height] = SHEET.findall(svg)
    heights = [float(y) for y in POINT.findall(svg)]
    inside = min(heights) > 0 and max(heights) < float(height)
    said = f"{read.said}; traces at {min(heights):.0f} to {max(heights):.0f} of {float(height):.0f} mm"
    return Answer(said, bool(read.is_right) and inside and "offset" in svg)


def one_identity(service: Service, folder: Path) -> Answer:
    """Read the case as expected, and see that it is the same ECG as with its gains in ADC units per mV."""
    read = read_as_expected(service, folder)
    files = files_of(folder)
    in_millivolts = {name: content.replace(b" 0.001/nV ", b" 1000/mV ") for name, content in files.items()}
    (_, one), (_, other) = service.upload(files), service.upload(in_millivolts)
    same = in_millivolts != files and one.get("id") == other.get("id")
    return Answer(f"{read.said}; {'the same' if same else 'another'} ECG as in mV", bool(read.is_right) and same)


def windows_refused(service: Service, folder: Path) -> Answer:
    """Give an `.npz` to the command; none of its windows may be answered."""
    ended = command("predict", *sorted(folder.glob("*.npz")))
    return Answer(f"status {ended.returncode}: {one_line(ended.stderr)}", ended.returncode == 1 and not ended.stdout)


def imported(service: Service, folder: Path) -> Answer:
    """Import the file of the case."""
    status, said = import_reports(folder)
    return Answer(said, status == 0)


def every_bad_line_named(service: Service, folder: Path) -> Answer:
    """Import the lines of the case twice over, in one file: each line that is bad must be named in both places."""
    [file] = folder.glob("*.jsonl")
    lines = file.read_bytes().splitlines(keepends=True)
    with tempfile.TemporaryDirectory() as name:
        twice = Path(name, "twice.jsonl")
        twice.write_bytes(b"".join([*lines, *lines]))
        status, said = import_reports(twice.parent)
    numbers = {int(number) for number in re.findall(r"\bline (\d+)", said)}
    once = {number for number in numbers if number <= len(lines)}
    return Answer(said, status != 0 and bool(once) and numbers == once | {number + len(lines) for number in once})


def no_identifier_kept(service: Service, folder: Path) -> Answer:
    """Store a report with identifiers; neither the API nor any table may hold them afterwards."""
    text = (folder / "report.txt").read_text()
    identifiers = ("EXAMPLE,PATIENT", "000-12-3456", "JAN 2,1950", "EXAMPLE,READER")
    _, ecg = service.upload(write_wfdb(record({"sinus_rhythm"}, np.random.default_rng(0)), "r"))
    answer = service.client.post(f"/v1/ecgs/{ecg['id']}/reports", json={"source": "machine", "text": text})
    kept = [each for each in identifiers if each in answer.text or is_stored(service.database, each)]
    return Answer(f"{answer.status_code}, kept: {', '.join(kept) or 'none'}", not kept and answer.is_success)


def agreement_removes_nothing(service: Service, folder: Path) -> Answer:
    """Import an over-read that agrees and one that reads nothing: one pair, and no label is removed."""
    import_reports(folder)
    table = service.client.get("/v1/disagreement").json()
    removed = sum(label["removed"] for label in table["labels"])
    return Answer(f"{table['pairs']} pairs, {removed} labels removed", (table["pairs"], removed) == (1, 0))


def no_figure_of_nan(service: Service, folder: Path) -> Answer:
    """Measure scores that are not numbers; there must be no figure."""
    from ml.evaluation.metrics import auroc_auprc

    targets = (np.arange(40)[:, None] % 3 == 0).astype(bool)
    try:
        figures = auroc_auprc(np.full((40, 1), np.nan), targets, np.ones((40, 1), bool))
    except ValueError as error:
        return Answer(f"refused: {error}", True)
    return Answer(f"figures: {figures}", bool(np.isnan(np.stack(figures)).all()))


CHECKS: dict[str, Check] = {
    "amplitude_1uV": refused_as("implausible_amplitude"),
    "no_window_but_201": refused_as("no_window"),
    "sig_offset_30mV": drawn_on_the_sheet,
    "units_nV": one_identity,
    "npz_zero_windows": windows_refused,
    "import_bom": imported,
    "import_two_bad_lines": every_bad_line_named,
    "report_va_layout": no_identifier_kept,
    "pair_overread_without_reading": agreement_removes_nothing,
    "nan_scores": no_figure_of_nan,
    "fmt212": planned,
    "frames_16x2_all": planned,
    "multiseg_fixed": planned,
}


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the files of a case by their paths in it, as a browser sends a folder."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != EXPECTED]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def import_reports(folder: Path) -> tuple[int, str]:
    """Run `overread import reports` on the file of a case; return its status and what it said."""
    [file] = folder.glob("*.jsonl")
    ended = command("import", "reports", file)
    return ended.returncode, f"status {ended.returncode}: {one_line(ended.stdout + ended.stderr)}"


def command(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run an `overread` command."""
    line = [sys.executable, "-m", "app.cli", *map(str, arguments)]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)


def one_line(text: str) -> str:
    """Return a text's lines in one."""
    return " | ".join(text.split("\n")).strip(" |")


def is_stored(database: Database, identifier: str) -> bool:
    """Return whether any row of any table holds a text."""
    tables = MetaData()
    with database.begin() as session:
        tables.reflect(session.connection())
        for table in tables.sorted_tables:
            row = cast(literal_column(table.name), Text)
            found = select(func.count()).select_from(table).where(row.contains(identifier, autoescape=True))
            if session.scalar(found):
                return True
    return False


@contextmanager
def running(url: str | None) -> Iterator[Service]:
    """Run the service in this process, with an admin's key."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = url or stack.enter_context(EmbeddedPostgres(folder / "postgres", durable=False))
        os.environ.update(
            OVERREAD_DATABASE_URL=url,
            OVERREAD_DATA_DIR=str(folder / "data"),
            OVERREAD_PATIENT_KEY=secrets.token_hex(32),
        )
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        settings = Settings()
        database = Database(settings)
        stack.callback(database.close)
        migrate(database)
        with database.begin() as session:
            auth.create_user(session, "cases", "cases", "admin")
            key = auth.issue_key(session, "cases", "cases")
        client = stack.enter_context(TestClient(create_app(settings), raise_server_exceptions=False))
        client.headers["Authorization"] = f"Bearer {key}"
        yield Service(client, database)


if __name__ == "__main__":
    main()
