"""What a job imports."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from app.kit.problems import FieldError
from app.settings import Settings
from ml.archives import ARCHIVES

FOLDER: dict[str, JsonValue] = {
    "kind": "ptbxl-plus",
    "folder": "ptb-xl",
    "archive": None,
    "options": {"plus": "ptb-xl-plus"},
    "again": False,
    "waveforms": True,
    "rule_reading": False,
}
IMPORTED: dict[str, JsonValue] = {
    "found": 21799,
    "total": 21799,
    "ecgs": 21799,
    "reports": 43598,
    "known": 0,
    "signals": {"read": 21798, "refused": 1},
    "readings": {"machine": 21799, "overread": 21799},
    "refused": {"constant_lead": 1},
}


def _known(kind: str) -> str:
    if kind not in ARCHIVES:
        raise ValueError(f"must be one of {', '.join(ARCHIVES)}")
    return kind


Kind = Annotated[str, AfterValidator(_known)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


class ImportIn(BaseModel):
    """An import: a folder of the server, by its name in the settings, or an uploaded archive, by its hash."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [FOLDER]})

    kind: Kind
    folder: Word | None = None
    archive: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    options: Annotated[dict[Word, Word], Field(max_length=20)] = Field(default_factory=dict)
    again: bool = False
    waveforms: bool = True
    rule_reading: bool = False

    def mistakes(self, settings: Settings) -> list[FieldError]:
        """Return what is wrong with names of folders and options: no path of a client is ever opened."""
        found = []
        if (self.folder is None) == (self.archive is None):
            found.append(FieldError(field="folder", code="one_of", reason="or `archive` has to be given, and not both"))
        if self.folder is not None and self.folder not in settings.import_folders:
            found.append(_unknown("folder", "is no import folder of this server (OVERREAD_IMPORT_FOLDERS)"))
        known = {option.name: option for option in ARCHIVES[self.kind].options}
        for name, value in self.options.items():
            if name not in known:
                found.append(_unknown("options", f"{self.kind} has the options: {', '.join(known) or 'none'}"))
            elif known[name].is_path and value not in settings.import_folders:
                reason = f"{name}: is no import folder of this server (OVERREAD_IMPORT_FOLDERS)"
                found.append(_unknown("options", reason))
        return found

    def opened(self, settings: Settings) -> dict[str, str]:
        """Return the options with the folders that their names mean. Raises `KeyError` for a name that is gone."""
        paths = {option.name for option in ARCHIVES[self.kind].options if option.is_path}
        return {
            name: str(settings.import_folders[value]) if name in paths else value
            for name, value in self.options.items()
        }

    def path(self, settings: Settings) -> Path | None:
        """Return the folder that its name means; None where there is none, or an archive is imported."""
        return settings.import_folders.get(self.folder) if self.folder is not None else None


def _unknown(field: str, reason: str) -> FieldError:
    return FieldError(field=field, code="unknown", reason=reason)
