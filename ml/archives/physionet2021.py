"""Folders as the PhysioNet/CinC Challenges of 2020 and 2021 have them: WFDB records with SNOMED CT codes in the header.

The codes of the line `#Dx:` are the over-read. The Challenge's databases were labelled in different ways, partly from
machines' statements (Perez Alday et al. 2020; Reyna et al. 2021), and the headers do not say how: `blinded` and
`validated` are unknown. The record is the file's name, which is unique within the Challenge.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from ml.archives.entry import Entry, Rejected
from ml.archives.kind import ArchiveKind, Found, Options
from ml.archives.walk import folders_below, place_of, unreadable
from ml.formats.disk import read_file
from ml.formats.ecg_file import Reading
from ml.formats.recording import Reason
from ml.formats.wfdb_header import MAX_HEADER_BYTES, comments, facts_of, is_header
from ml.labeling.findings import Code

MOST_CODES = 200
_CODE = re.compile(r"\d{6,18}", re.ASCII)  # SNOMED CT identifiers
_NOT_KNOWN = {"", "unknown", "nan"}


def read(root: Path, options: Options) -> Iterator[Found]:
    """Yield an entry a header, in the order of names."""
    for found in folders_below(root):
        if isinstance(found, Rejected):
            yield found
            continue
        folder, names = found
        for name in names:
            if name.lower().endswith(".hea"):
                yield _entry(folder / name, root)


def _entry(path: Path, root: Path) -> Found:
    try:
        content = read_file(path, MAX_HEADER_BYTES)
    except OSError as error:
        return unreadable(path, root, error)
    said = comments(content).get("dx")
    codes = _codes(said or "")
    if not is_header(content):
        reason = Reason("bad_header", "it is no WFDB header")
    elif said is None:
        reason = Reason("no_statements", "the header has no line #Dx:")
    elif codes is None:
        reason = Reason("bad_value", f"#Dx: is no list of at most {MOST_CODES} SNOMED CT codes")
    else:
        readings = (Reading(source="overread", codes=codes),) if codes else ()
        return Entry(record=f"physionet2021/{path.stem}", signal=path, facts=facts_of(content), readings=readings)
    return Rejected(place=place_of(path, root), reasons=(reason,))


def _codes(said: str) -> tuple[Code, ...] | None:
    """Return the codes of `164889003,164909002`, each once; None where the text is no list of codes."""
    numbers = list(dict.fromkeys(number.strip() for number in said.split(",")))
    numbers = [number for number in numbers if number.lower() not in _NOT_KNOWN]
    if len(numbers) > MOST_CODES or not all(_CODE.fullmatch(number) for number in numbers):
        return None
    return tuple(Code("SNOMED", number) for number in numbers)


KIND = ArchiveKind(
    "physionet2021",
    "records of the PhysioNet/CinC Challenges 2020 and 2021: SNOMED CT codes as over-reads",
    read,
    at=lambda path, root: _entry(path, root) if path.name.lower().endswith(".hea") else None,
)
