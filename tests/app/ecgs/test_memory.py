"""An upload holds the memory that its format needs."""

import asyncio
import io

from starlette.datastructures import UploadFile

from app.ecgs.memory import times_of
from ml.formats import FORMATS
from ml.formats.sierra_xml import FORMAT as SIERRA
from ml.formats.wfdb import FORMAT as WFDB
from tests.ml.formats.records import simulated, simulated_files
from tests.ml.formats.sierra import sierra_file


def times(files: dict[str, bytes]) -> int:
    parts = [UploadFile(io.BytesIO(content), filename=name) for name, content in files.items()]
    found = asyncio.run(times_of(parts))
    assert [part.file.read() for part in parts] == list(files.values())
    return found


def test_the_format_tells_how_much_memory_a_file_needs() -> None:
    assert times(dict(reversed(simulated_files().items()))) == WFDB.memory
    assert times({"e": sierra_file(simulated())}) == SIERRA.memory
    assert times({"x.bin": b"x"}) == times({}) == max(file_format.memory for file_format in FORMATS)
