"""The multipart form of an upload, shared by `POST /v1/ecgs` and `POST /v1/predictions`."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from pydantic import ValidationError
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from app.ecgs import service
from app.ecgs.from_file import together
from app.ecgs.schemas import EcgMetadata
from app.ecgs.service import Archive, ArchiveDep, Kept, Uploaded, keep, object_key, read_usable
from app.erasures.tombstones.queries import refuse_objects
from app.erasures.tombstones.service import Erased
from app.kit.database import DatabaseDep
from app.kit.declared import repeated_keys
from app.kit.problems import FieldError, Problem, field_errors, invalid_fields
from app.kit.state import made_by
from app.kit.store_calls import StoreCallsDep
from app.reports.schemas import ReportIn, Source
from app.vocabularies.service import ReadingRules
from ml.formats import EcgFile, Facts, Reading

MAX_FILES = 32  # a record of several segments has a header and a signal file for each
LONGEST_METADATA = 10_000  # characters


@dataclass(frozen=True)
class EcgUpload:
    """An upload that passed every check: what its files hold, and what the form says."""

    file: EcgFile
    metadata: EcgMetadata
    readings: list[ReportIn]


def read_upload(
    files: Sequence[UploadFile], metadata: str | None, machine_report: str | None, overread_report: str | None
) -> EcgUpload:
    """Return an upload that passed every check; raise one 422 that names everything wrong with it.

    File names are only compared with those in the header; no file of that name is opened.
    """
    errors: list[FieldError] = []
    known = EcgMetadata()
    if metadata and len(metadata) > LONGEST_METADATA:
        reason = f"is longer than {LONGEST_METADATA:,} characters"
        errors.append(FieldError(field="metadata", code="too_large", reason=reason))
    elif metadata and (repeated := repeated_keys(metadata, "metadata")):
        errors += repeated
    elif metadata:
        try:
            known = EcgMetadata.model_validate_json(metadata)
        except ValidationError as error:
            errors += field_errors(error.errors(), prefix="metadata")
    readings = []
    texts: list[tuple[Source, str | None]] = [("machine", machine_report), ("overread", overread_report)]
    for source, text in texts:
        if text is None or not text.strip():
            continue
        try:
            readings.append(ReportIn(source=source, text=text))
        except ValidationError as error:
            errors += [
                FieldError(field=f"{source}_report", code=e.code, reason=e.reason) for e in field_errors(error.errors())
            ]
    read: EcgFile | None = None
    try:
        read = read_usable(_contents(files))
    except Problem as problem:
        errors += problem.errors
    if errors or read is None:
        code = "unusable_ecg" if any(e.field == "file" for e in errors) else "invalid_request"
        raise invalid_fields(errors, code)
    return EcgUpload(read, known, readings)


@dataclass(frozen=True)
class KeptUpload:
    """An upload whose waveform is in the object store; `facts` and `said` are its file's."""

    kept: Kept
    metadata: EcgMetadata
    readings: list[ReportIn]
    facts: Facts
    said: tuple[Reading, ...]


@dataclass(frozen=True)
class Keeping:
    """Keeps the waveforms of uploads, before their requests have a connection."""

    archive: ArchiveDep
    calls: StoreCallsDep
    database: DatabaseDep

    @asynccontextmanager
    async def kept(
        self,
        files: Sequence[UploadFile],
        metadata: str | None,
        machine_report: str | None,
        overread_report: str | None,
    ) -> AsyncIterator[KeptUpload]:
        """Check an upload as `read_upload` does, and store its waveform.

        Where the block finds that the ECG was erased, the waveform is deleted again.
        """
        upload = await run_in_threadpool(read_upload, files, metadata, machine_report, overread_report)
        kept = await self.calls.run(lambda: keep(self.archive, upload.file.recording))
        try:
            yield KeptUpload(kept, upload.metadata, upload.readings, upload.file.facts, upload.file.readings)
        except Erased:
            await self.database.run(lambda session: refuse_objects(session, [object_key(kept.waveform_sha256)]))
            raise


KeepingDep = Annotated[Keeping, made_by(Keeping)]


def store_upload(
    session: Session, archive: Archive, rules: Sequence[ReadingRules], actor: str, *, upload: KeptUpload
) -> Uploaded:
    """Store what form and file say together. Raises what `service.upload` raises."""
    both = together(
        session,
        archive.hash_patient,
        facts=upload.facts,
        said=upload.said,
        metadata=upload.metadata,
        readings=upload.readings,
    )
    stored = service.upload(
        session, archive, rules, actor, kept=upload.kept, metadata=both.metadata, readings=both.readings
    )
    return stored._replace(ecg=stored.ecg.model_copy(update={"from_file": both.from_file}))


def _contents(files: Sequence[UploadFile]) -> dict[str, bytes]:
    if len(files) > MAX_FILES:
        raise _bad_file("too_many_files", f"more than {MAX_FILES} files in one upload")
    contents: dict[str, bytes] = {}
    for file in files:
        name = file.filename or ""
        if name in contents:
            raise _bad_file("duplicate_file", "two files of the same name")
        contents[name] = file.file.read()
    return contents


def _bad_file(code: str, reason: str) -> Problem:
    return Problem(422, "unusable_ecg", reason, [FieldError(field="file", code=code, reason=reason)])
