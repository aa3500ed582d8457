"""What is stored of an ECG that was read: numbers are hashed, names pseudonyms, and local times instants."""

from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from app.ecgs.patients import PatientHasher
from app.imports.batch import Facts, Line, SeenFile, Waveform
from app.imports.reading.prepared import Prepared, Said
from app.kit.times import in_zone
from app.sites.tables import DEFAULT_ZONE


class LineMaker:
    """Makes lines of prepared entries. `zones`: time zones by site."""

    def __init__(self, hash_patient: PatientHasher, zones: Mapping[str, str]) -> None:
        self._hash = hash_patient
        self._zones = zones

    def lines(self, prepared: Prepared, waveform: Waveform | None, file: SeenFile | None) -> list[Line]:
        """Return a line a reading, or one without a reading; the first has the file. Raises `OverflowError`.

        Local times are those of the entry's site, read as `in_zone` says.
        """
        zone = ZoneInfo(self._zones.get(prepared.facts.get("site") or "", DEFAULT_ZONE))
        known = dict(prepared.facts)
        known["recorded_at"] = _instant(known.get("recorded_at"), zone)
        if prepared.patient_id:
            known["patient_hash"] = self._hash(prepared.patient_id).hex()
        if prepared.order_id:
            known["order_hash"] = self._hash.order(prepared.order_id).hex()
        facts = Facts(**known)
        nothing = Line(prepared.record, facts, None, "", None, None, None, False, waveform=waveform)
        lines = [
            nothing._replace(
                source=said.source,
                reader=self._reader(said),
                text=said.text,
                codes=said.codes,
                authored_at=_instant(said.authored_at, zone),
                final=said.final,
                blinded=said.blinded,
                validated=said.validated,
            )
            for said in prepared.readings
        ] or [nothing]
        lines[0] = lines[0]._replace(file=file)
        return lines

    def _reader(self, said: Said) -> str:
        if said.reader is None or said.is_pseudonym:
            return said.reader or ""
        return self._hash.pseudonym("reader", said.reader)


def _instant(time: str | None, zone: ZoneInfo) -> str | None:
    if time is None:
        return None
    return in_zone(datetime.fromisoformat(time), zone).astimezone(UTC).isoformat()
