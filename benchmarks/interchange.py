"""Shows what other programs make of an ECG that we write: python -m benchmarks.interchange FILE … [--out FOLDER]

The files are those of one record, in any format that is read. The DICOM object is opened by GDCM, a reader of its own
in C++, and compared with the standard's tables of attributes by dciodvfy (dicom3tools) where that is installed. The
FHIR Bundle is validated by the models of `fhir.resources`. Both are compared with what our reader gives.
"""

import argparse
import importlib
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ml.formats import LEADS, Recording, read
from ml.formats.recording import MISSING
from ml.formats.waveform import digest
from ml.interchange import Outgoing, OutgoingReading, Result, write_dicom, write_fhir
from ml.interchange.outgoing import results_of
from ml.labeling.shipped import builtin_labeler

DATA, GROUPS, RATE = (0x5400, 0x1010), (0x5400, 0x0100), (0x003A, 0x001A)


def main() -> int:
    """Write both, print what they are read as, and return 1 where anything differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    file = read({path.name: path.read_bytes() for path in asked.files})
    labeler = builtin_labeler()
    vocabulary = labeler.vocabulary
    names = {label.key: label.name for label in vocabulary.labels}
    now = datetime.now(UTC)

    def reading(number: int, said: Any) -> OutgoingReading:
        found = labeler.read(said.text).findings
        results = results_of([Result(each.label, names[each.label], each.status) for each in found])
        known = {"reader": said.reader_pseudonym, "version": 1, "at": now, "results": results, "codes": said.codes}
        return OutgoingReading(id=uuid.UUID(int=number), source=said.source, text=said.text, **known)

    ecg = Outgoing(
        id=uuid.uuid5(uuid.NAMESPACE_OID, digest(file.recording)),
        waveform_sha256=digest(file.recording),
        stored_at=now,
        facts=replace(file.facts, patient_id=None, order_id=None),
        vocabulary=vocabulary.version,
        readings=[reading(number, each) for number, each in enumerate(file.readings, 1) if each.text],
    )
    with tempfile.TemporaryDirectory() as folder:
        out = asked.out or Path(folder)
        out.mkdir(parents=True, exist_ok=True)
        dicom, fhir = out / "ecg.dcm", out / "ecg.fhir.json"
        dicom.write_bytes(write_dicom(ecg, file.recording))
        fhir.write_bytes(write_fhir(ecg, file.recording))
        print(f"waveform {digest(file.recording)}")
        same = [_ours(dicom, file.recording), _by_gdcm(dicom, file.recording), _by_dciodvfy(dicom), _validated(fhir)]
    return 0 if all(same) else 1


def _ours(path: Path, recording: Recording) -> bool:
    found = digest(read({path.name: path.read_bytes()}).recording)
    print(f"our reader: {path.stat().st_size:,} bytes, waveform {found}")
    return found == digest(recording)


def _by_gdcm(path: Path, recording: Recording) -> bool:
    gdcm = importlib.import_module("gdcm")
    reader = gdcm.Reader()
    reader.SetFileName(str(path))
    if not reader.Read():
        print("GDCM cannot read it")
        return False
    print(f"GDCM {gdcm.Version.GetVersion()}: ", end="")
    group = reader.GetFile().GetDataSet().GetDataElement(gdcm.Tag(*GROUPS)).GetValueAsSQ().GetItem(1).GetNestedDataSet()
    content = group.GetDataElement(gdcm.Tag(*DATA)).GetByteValue().GetBuffer().encode("utf-8", "surrogateescape")
    rate = group.GetDataElement(gdcm.Tag(*RATE)).GetByteValue().GetBuffer()
    width = len(content) // recording.samples.size
    kind = np.dtype(f"<i{width}")
    samples = np.frombuffer(content, kind).reshape(-1, len(LEADS)).T.astype(np.int64)
    same = np.array_equal(np.where(samples == np.iinfo(kind).min, MISSING, samples), recording.samples)
    print(f"{samples.shape[0]} leads of {samples.shape[1]:,} samples at {rate} Hz; samples equal: {same}")
    return same


def _by_dciodvfy(path: Path) -> bool:
    """Print what is wrong. That our own codes are no terms of the standard is a warning, and no error."""
    program = shutil.which("dciodvfy")
    if program is None:
        print("dciodvfy is not installed")
        return True
    said = subprocess.run([program, str(path)], capture_output=True, text=True, check=False).stderr.splitlines()
    errors = [line for line in said if line.startswith("Error")]
    kind = [line for line in said if " - " not in line]
    warned = Counter(line for line in said if line.startswith("Warning"))
    print(
        f"dciodvfy: {' '.join(kind)}, {len(errors)} errors, {len(warned)} kinds of warnings",
        *errors,
        *warned,
        sep="\n  ",
    )
    return not errors


def _validated(path: Path) -> bool:
    models = importlib.import_module("fhir.resources.R4B.bundle")
    try:
        bundle = models.Bundle.model_validate_json(path.read_bytes())
    except ValueError as error:
        print(f"FHIR: not valid: {error}")
        return False
    kinds = [each.resource.__class__.__name__ for each in bundle.entry]
    print(f"FHIR: {path.stat().st_size:,} bytes, valid: {', '.join(kinds)}")
    return True


if __name__ == "__main__":
    sys.exit(main())
