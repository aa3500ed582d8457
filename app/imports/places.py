"""Where something of an import lies: as a keyed hash, and as people may see it."""

import re
from pathlib import Path
from typing import NamedTuple

from app.ecgs.patients import PatientHasher

LONGEST = 300  # characters of a place that is shown

_WORDS = """
ptbxl database records records100 records500 labels features statements 12sl scp median beats files machine
measurements record list waveform note links notes heedb mimic iv ecg physionet2021 code15 exams part manifest metadata
row rows line lines column columns to and of in the hr lr hea dat mat csv tsv parquet xml json dcm scp zip tar gz txt
"""
_LAYOUT = frozenset(_WORDS.split())
"""Words that archives are laid out with. All others may be somebody's name."""
_PARTS = re.compile(r"(?P<row>\b(?:row|rows|line|lines) [0-9]+(?:(?:–|-| to )[0-9]+)?\b)|(?P<word>[\w\udc80-\udcff]+)")
_PIECES = re.compile(r"[0-9]+|(?:[^\W\d_]|[\udc80-\udcff])+|_+")
"""A byte of a name that is no UTF-8 is a character between U+DC80 and U+DCFF, and is masked as a letter is."""


class Folder(NamedTuple):
    """A folder, or an uploaded archive, that is imported as a kind: its keyed hash says which."""

    kind: str
    digest: bytes


class Places:
    """Makes keyed hashes of places: without the key nobody can try whether a name is among them."""

    def __init__(self, hash_patient: PatientHasher) -> None:
        self._hash = hash_patient.place

    def folder(self, kind: str, path: Path) -> Folder:
        """Return a folder of the server."""
        return Folder(kind, self._hash(f"{kind}\n{path.resolve()}"))

    def uploaded(self, kind: str, sha256: str) -> Folder:
        """Return an uploaded archive as a folder; the same bytes are the same folder."""
        return Folder(kind, self._hash(f"{kind}\nuploaded {sha256}"))

    def of(self, folder: Folder, place: str) -> bytes:
        """Return the hash of a path in a folder, or of a row."""
        return self._hash(f"{folder.digest.hex()}\n{place}")


def shown(place: str) -> str:
    """Return a place as people may see it: words of layouts and numbers of rows; of all else only the length.

    `records500/00000/00017_hr.hea` is `records500/#####/#####_hr.hea`; `Miller/ecg.xml` is `******/ecg.xml`.
    """
    return _PARTS.sub(lambda found: found[0] if found["row"] else _masked(found[0]), place[:LONGEST])


def _masked(word: str) -> str:
    if word.casefold() in _LAYOUT:
        return word
    return _PIECES.sub(lambda found: _masked_piece(found[0]), word)


def _masked_piece(piece: str) -> str:
    if piece[0] == "_" or piece.casefold() in _LAYOUT:
        return piece
    return ("#" if piece.isdigit() else "*") * len(piece)
