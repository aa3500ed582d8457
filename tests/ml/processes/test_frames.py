import io
import json
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.processes import frames
from ml.processes.frames import FrameError, read_frame, write_frame

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
headers = st.dictionaries(st.text(), json_values)


class Dribble(io.BytesIO):
    """A pipe that gives three bytes at a time."""

    def read(self, size: int = -1) -> bytes:
        return super().read(min(size, 3))


@settings(max_examples=40)
@given(st.lists(st.tuples(headers, st.binary(max_size=200)), max_size=4))
def test_what_is_written_is_read_and_nothing_else(messages):
    stream = io.BytesIO()
    for header, body in messages:
        write_frame(stream, header, body)
    dribble = Dribble(stream.getvalue())
    assert [read_frame(dribble) for _ in messages] == messages
    with pytest.raises(EOFError):
        read_frame(dribble)


@given(st.integers(min_value=0))
def test_a_stream_cut_anywhere_is_an_end(cut):
    stream = io.BytesIO()
    write_frame(stream, {"id": 1}, b"body")
    whole = stream.getvalue()
    with pytest.raises(EOFError):
        read_frame(io.BytesIO(whole[: cut % len(whole)]))


@given(st.binary(max_size=64))
def test_noise_is_refused_or_at_an_end(noise):
    with pytest.raises((FrameError, EOFError)):
        read_frame(io.BytesIO(noise + b"\xff" * 4))


@pytest.mark.parametrize("text", [b"[]", b"{", b"1", b"\xff", b"[" * 100_000])
def test_a_header_that_is_no_object_is_refused(text):
    with pytest.raises(FrameError):
        read_frame(io.BytesIO(struct.pack(">I", len(text)) + text + struct.pack(">I", 0)))


def test_no_more_is_read_than_the_limits(monkeypatch):
    with pytest.raises(FrameError, match="the limit is"):
        read_frame(io.BytesIO(struct.pack(">I", frames.MAX_HEADER_BYTES + 1)))
    text = json.dumps({}).encode()
    with pytest.raises(FrameError, match="the limit is"):
        read_frame(io.BytesIO(struct.pack(">I", len(text)) + text + struct.pack(">I", frames.MAX_BODY_BYTES + 1)))


def test_what_the_other_side_would_refuse_is_not_begun(monkeypatch):
    monkeypatch.setattr(frames, "MAX_BODY_BYTES", 10)
    stream = io.BytesIO()
    with pytest.raises(FrameError):
        write_frame(stream, {}, bytes(11))
    with pytest.raises(ValueError, match="JSON compliant"):
        write_frame(stream, {"score": float("nan")})
    assert stream.getvalue() == b""
