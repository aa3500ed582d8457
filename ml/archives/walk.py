"""Folders of files: everything below a folder in the order of names."""

import os
from collections.abc import Iterator
from pathlib import Path

from ml.archives.entry import Rejected
from ml.archives.kind import BadArchive
from ml.formats.recording import Reason

DEEPEST = 32  # folders


def folders_below(root: Path) -> Iterator[tuple[Path, list[str]] | Rejected]:
    """Yield a folder and each one below it, with the sorted names of its files.

    Hidden files and folders are passed over. Links are not followed, and are named. Raises `BadArchive` where the root
    is no folder that can be read.
    """
    if not root.is_dir():
        raise BadArchive(f"{root.name} is no folder")
    yield from _below(root, root, DEEPEST)


def folders_with(root: Path, name: str) -> list[Path]:
    """Return which of a folder and the folders directly in it have a file, in the order of names.

    An archive that was packed has its files one folder further down. Raises `BadArchive` where there is none.
    """
    if not root.is_dir():
        raise BadArchive(f"{root.name} is no folder")
    try:
        found = [each for each in (root, *sorted(root.iterdir())) if (each / name).is_file()]
    except OSError as error:
        raise BadArchive(f"{root.name} cannot be read: {error.strerror}") from error
    if not found:
        raise BadArchive(f"{name} is neither in {root.name} nor in a folder directly in it")
    return found


def place_of(path: Path, root: Path) -> str:
    """Return how a path below the root is named."""
    return path.relative_to(root).as_posix()


def unreadable(path: Path, root: Path, error: OSError) -> Rejected:
    """Return a file or a folder as one that cannot be read."""
    return _rejected(path, root, "unreadable", error.strerror or type(error).__name__)


def _below(folder: Path, root: Path, levels: int) -> Iterator[tuple[Path, list[str]] | Rejected]:
    try:
        with os.scandir(folder) as inside:
            entries = sorted((each for each in inside if not each.name.startswith(".")), key=lambda each: each.name)
    except OSError as error:
        if folder == root:
            raise BadArchive(f"{root.name} cannot be read: {error.strerror}") from error
        yield unreadable(folder, root, error)
        return
    yield folder, [each.name for each in entries if each.is_file(follow_symlinks=False)]
    for each in entries:
        if each.is_symlink():
            yield _rejected(folder / each.name, root, "link", "it is a link, which is not followed")
        elif each.is_dir(follow_symlinks=False):
            if levels:
                yield from _below(folder / each.name, root, levels - 1)
            else:
                yield _rejected(folder / each.name, root, "too_deep", f"it is more than {DEEPEST} folders deep")


def _rejected(path: Path, root: Path, code: str, detail: str) -> Rejected:
    return Rejected(place=place_of(path, root), reasons=(Reason(code, detail),))
