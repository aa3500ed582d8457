"""Collections of ECGs as people have them: a folder or a table → one `Entry` an ECG. A kind is a module and a line."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from ml.archives import code15, files, heedb, manifest, mimic_iv_ecg, physionet2021, ptbxl, ptbxl_plus
from ml.archives.entry import Entry, Rejected
from ml.archives.kind import ArchiveKind, BadArchive, Found, Option

__all__ = ["ARCHIVES", "ArchiveKind", "BadArchive", "Entry", "Found", "Option", "Rejected", "read"]

ARCHIVES: dict[str, ArchiveKind] = {
    kind.name: kind
    for kind in (
        ptbxl.KIND,
        ptbxl_plus.KIND,
        heedb.KIND,
        mimic_iv_ecg.KIND,
        physionet2021.KIND,
        code15.KIND,
        files.MUSE_XML,
        files.FILES,
        manifest.KIND,
    )
}
"""The kinds of archives, by name."""


def read(kind: str, path: Path, options: Mapping[str, str] | None = None) -> Iterator[Found]:
    """Yield the ECGs of an archive, and what cannot be taken of it, as they are read.

    Raises `BadArchive` while it is read: for an unknown kind or option, or an archive that is of another kind.
    """
    if kind not in ARCHIVES:
        raise BadArchive(f"the kind is none of {', '.join(ARCHIVES)}")
    known = [option.name for option in ARCHIVES[kind].options]
    for name in options or {}:
        if name not in known:
            raise BadArchive(f"{name[:40]!r} is no option of {kind}, which has {', '.join(known) or 'none'}")
    yield from ARCHIVES[kind].read(path, options or {})
