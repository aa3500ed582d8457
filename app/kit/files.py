"""Files that a finished job left, as answers."""

from pathlib import Path

from fastapi.responses import FileResponse

from app.kit.problems import gone


def stored_file(path: Path, media_type: str, headers: dict[str, str] | None = None) -> FileResponse:
    """Return the response of a stored file; a 410 where it is not there any more."""
    if not path.is_file():
        raise gone("file_missing", "This result's files are missing from the data folder.")
    return FileResponse(path, media_type=media_type, headers=headers)
