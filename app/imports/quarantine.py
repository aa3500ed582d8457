"""Writing down what an import refuses, some at a time."""

from collections import Counter
from collections.abc import Iterable

from app.imports.batch import SeenFile
from app.imports.ledger import queries as ledger
from app.imports.places import Folder, Places, shown
from app.imports.reading.prepared import Why
from app.imports.rejections import queries
from app.imports.rejections.queries import Refused
from app.kit.database import Database

WAITING = 500  # at most, before they are written


class Quarantine:
    """Keeps what is refused of one folder. `refused` counts it by the codes of the reasons."""

    def __init__(self, database: Database, places: Places, folder: Folder) -> None:
        self._database = database
        self._hashes = places
        self._folder = folder
        self._refused: list[Refused] = []
        self._files: list[SeenFile] = []
        self._unchanged: list[bytes] = []
        self.refused: Counter[str] = Counter()

    def add(self, place: str, reasons: Iterable[Why], file: SeenFile | None = None) -> None:
        """Refuse what lies at a place; with its files, which are not read again while they stay as they are."""
        why = [reason._asdict() for reason in reasons]
        self.refused.update({reason["code"] for reason in why})
        sha256 = file.sha256 if file is not None else None
        self._refused.append(Refused(self._hashes.of(self._folder, place), shown(place), sha256, why))
        if file is not None:
            self._files.append(file)
        self._write_when_many()

    def add_taken(self, files: Iterable[SeenFile]) -> None:
        """Refuse files whose record has another waveform."""
        why = {"code": "record_taken", "detail": "another waveform is stored under this record"}
        for file in files:
            self.refused["record_taken"] += 1
            self._refused.append(Refused(file.path, file.shown, file.sha256, [why]))
            self._files.append(file._replace(waveform=None))
        self._write_when_many()

    def see_again(self, place: str) -> None:
        """Refuse a file that has not changed since it was refused."""
        self._unchanged.append(self._hashes.of(self._folder, place))
        self._write_when_many()

    def write(self) -> None:
        """Write down what was refused since the last time."""
        if not self._refused and not self._unchanged:
            return
        with self._database.begin() as session:
            queries.add(session, self._folder, self._refused)
            ledger.record(session, self._files)
            for reasons in queries.see_again(session, self._folder, self._unchanged):
                self.refused.update({reason["code"] for reason in reasons})
        self._refused, self._files, self._unchanged = [], [], []

    def _write_when_many(self) -> None:
        if len(self._refused) + len(self._unchanged) >= WAITING:
            self.write()


class Tentative(Quarantine):
    """Keeps nothing of what cannot be read: it may be half of a file. `places` says where it lies."""

    def __init__(self, database: Database, places: Places, folder: Folder) -> None:
        super().__init__(database, places, folder)
        self.places: set[str] = set()

    def add(self, place: str, reasons: Iterable[Why], file: SeenFile | None = None) -> None:
        """Note that what lies at a place cannot be read yet."""
        self.places.add(place)
