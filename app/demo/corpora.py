"""The ECGs that the demo uploads: simulated ones, or PTB-XL's."""

import csv
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ml.archives.ptbxl import codes_of, scp_codes
from ml.corpus.simulator import SimulatedEcg, simulate
from ml.formats.wfdb import write_wfdb

SEED = 2026
SEXES = {"0": "male", "1": "female"}  # as PTB-XL codes them


@dataclass(frozen=True)
class Case:
    """One ECG to upload with its readings. `rule_reading`: there is no machine's, and our rules read it."""

    files: dict[str, bytes]
    metadata: dict[str, Any]
    machine_report: str | None = None
    overread_report: str | None = None
    overread_codes: list[dict[str, Any]] = field(default_factory=list)
    rule_reading: bool = False


class Corpus(NamedTuple):
    """The ECGs of a demo, and how its output names them.

    `folder` is the data folder of the demo: real and simulated ECGs never share one. `machine` and `overread` name the
    reports of each source. `starter_knows`: the starter model may have been trained on these patients.
    """

    folder: str
    title: str
    machine: str
    overread: str
    simulated: bool
    starter_knows: bool
    cases: Iterator[Case]


def simulated_corpus(count: int) -> Corpus:
    """Return a corpus of simulated ECGs."""
    return Corpus(
        folder="demo-simulated",
        title=f"{count - 1} SIMULATED ECGs (no patient was attached to them)",
        machine="the simulated machine's reports",
        overread="the simulated over-reads",
        simulated=True,
        starter_knows=False,
        cases=simulated(count),
    )


def ptbxl_corpus(folder: Path) -> Corpus:
    """Return the corpus of the PTB-XL records in a folder."""
    return Corpus(
        folder="demo-ptbxl",
        title="PTB-XL (Wagner et al. 2020, CC BY 4.0), read by our rules: it has no machine's readings",
        machine="our rules' readings",
        overread="PTB-XL's validated codes",
        simulated=False,
        starter_knows=True,
        cases=ptbxl(folder),
    )


def simulated(count: int) -> Iterator[Case]:
    """Yield simulated ECGs, each marked as such."""
    for i, ecg in enumerate(simulate(count, SEED)):
        yield _simulated_case(ecg, f"simulated{i:05d}")


def _simulated_case(ecg: SimulatedEcg, name: str) -> Case:
    metadata = {
        "patient_id": ecg.patient_id,
        "recorded_at": ecg.recorded_at.isoformat(),
        "site": ecg.site,
        "device": ecg.device,
        "age": ecg.age,
        "sex": ecg.sex,
        "simulated": True,
    }
    return Case(write_wfdb(ecg.recording, name), metadata, ecg.machine_report, ecg.overread_report)


def ptbxl(folder: Path) -> Iterator[Case]:
    """Yield the PTB-XL records (500 Hz) that are in a folder, in the table's order.

    The over-read is the validated SCP codes and axis. PTB-XL's texts are a machine's in part and a first reader's in
    part, so neither is taken: our rules read the ECG.
    """
    with (folder / "ptbxl_database.csv").open(newline="", encoding="utf-8") as table:
        for row in csv.DictReader(table):
            header = folder / f"{row['filename_hr']}.hea"
            signal = header.with_suffix(".dat")
            if header.is_file() and signal.is_file():
                files = {path.name: path.read_bytes() for path in (header, signal)}
                yield _ptbxl_case(row, files)


def _ptbxl_case(row: dict[str, str], files: dict[str, bytes]) -> Case:
    metadata: dict[str, Any] = {
        "patient_id": f"ptbxl-{row['patient_id']}",
        "recorded_at": row["recording_date"],
        "device": " ".join(row["device"].split()) or None,
        "site": f"ptbxl-{float(row['site']):.0f}" if row["site"] else None,
        "age": min(float(row["age"]), 90) if row["age"] else None,  # 300 stands for "over 89"
        "sex": SEXES.get(row["sex"], "unknown"),
    }
    metadata = {key: value for key, value in metadata.items() if value is not None}
    return Case(
        files,
        metadata,
        overread_codes=_codes(row) if row["validated_by_human"] == "True" else [],
        rule_reading=True,
    )


def _codes(row: dict[str, str]) -> list[dict[str, Any]]:
    return [asdict(code) for code in codes_of(scp_codes(row["scp_codes"]), row["heart_axis"])]


def form(case: Case) -> dict[str, str]:
    """Return the form fields of an upload."""
    fields = {"metadata": json.dumps(case.metadata)}
    if case.machine_report:
        fields["machine_report"] = case.machine_report
    if case.overread_report:
        fields["overread_report"] = case.overread_report
    return fields
