"""Messages over a pipe: a JSON header and a body, each with a big-endian length prefix of four bytes."""

import json
import struct
from typing import IO, Any

MAX_HEADER_BYTES = 1 << 20
MAX_BODY_BYTES = 1 << 30

_LENGTH = struct.Struct(">I")


class FrameError(ValueError):
    """The bytes that were read, or were to be written, are not a frame."""


def write_frame(stream: IO[bytes], header: dict[str, Any], *body: bytes | memoryview) -> None:
    """Write one message; its body is given in parts.

    Raises `FrameError`, before a byte is written, where it is longer than the reader accepts.
    """
    text = json.dumps(header, allow_nan=False).encode()
    length = sum(memoryview(part).nbytes for part in body)
    _check(len(text), MAX_HEADER_BYTES)
    _check(length, MAX_BODY_BYTES)
    stream.write(_LENGTH.pack(len(text)) + text + _LENGTH.pack(length))
    for part in body:
        stream.write(part)
    stream.flush()


def read_frame(stream: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    """Return the header and body of the next message.

    Raises `EOFError` where the stream ends, and `FrameError` where the bytes are not a frame.
    """
    text = _read(stream, MAX_HEADER_BYTES)
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FrameError("the header is not JSON") from error
    if not isinstance(header, dict):
        raise FrameError("the header is not an object")
    return header, _read(stream, MAX_BODY_BYTES)


def _read(stream: IO[bytes], limit: int) -> bytes:
    length = _LENGTH.unpack(_exactly(stream, _LENGTH.size))[0]
    _check(length, limit)
    return _exactly(stream, length)


def _check(length: int, limit: int) -> None:
    if length > limit:
        raise FrameError(f"the frame has {length} bytes; the limit is {limit}")


def _exactly(stream: IO[bytes], length: int) -> bytes:
    pieces: list[bytes] = []
    missing = length
    while missing:  # a pipe may return less than was asked for
        piece = stream.read(missing)
        if not piece:
            raise EOFError
        pieces.append(piece)
        missing -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
