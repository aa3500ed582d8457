"""Messages over a pipe: a JSON header and bytes, each behind its length."""

import json
import struct
from typing import IO, Any

MAX_HEADER_BYTES = 1 << 20
MAX_BODY_BYTES = 1 << 30

_LENGTH = struct.Struct(">I")


class FrameError(ValueError):
    """The other side wrote something that is no frame."""


def write_frame(stream: IO[bytes], header: dict[str, Any], body: bytes = b"") -> None:
    """Write one message."""
    text = json.dumps(header).encode()
    stream.write(_LENGTH.pack(len(text)) + text + _LENGTH.pack(len(body)))
    stream.write(body)
    stream.flush()


def read_frame(stream: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    """Read one message; `EOFError` at the end of the stream, `FrameError` for anything else that is no frame."""
    text = _read(stream, MAX_HEADER_BYTES)
    try:
        header = json.loads(text)
    except ValueError as error:
        raise FrameError("the header is not JSON") from error
    if not isinstance(header, dict):
        raise FrameError("the header is not an object")
    return header, _read(stream, MAX_BODY_BYTES)


def _read(stream: IO[bytes], limit: int) -> bytes:
    length = _LENGTH.unpack(_exactly(stream, _LENGTH.size))[0]
    if length > limit:
        raise FrameError(f"{length} bytes; at most {limit} are read")
    return _exactly(stream, length)


def _exactly(stream: IO[bytes], length: int) -> bytes:
    content = b""
    while len(content) < length:
        piece = stream.read(length - len(content))
        if not piece:
            raise EOFError
        content += piece
    return content
