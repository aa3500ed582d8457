"""SCP-ECG files as an independent, plain writer makes them."""

import binascii
import struct
from collections.abc import Callable, Sequence

import numpy as np

from ml.formats import LEADS, Recording

CODES = {"I": 1, "II": 2, "III": 61, "aVR": 62, "aVL": 63, "aVF": 64, **{f"V{n}": n + 2 for n in range(1, 7)}}
DEFAULT = struct.pack("<H", 19_999)
TABLE = [  # prefix bits, bits, mode, base, prefix as it is read
    (1, 1, 1, 0, "0"),
    (2, 6, 1, 3, "10"),
    (3, 19, 1, 0, "110"),
    (3, 3, 0, 2, "111"),
]
OTHER = [(1, 17, 1, 0, "1"), (2, 2, 0, 1, "00"), (2, 2, 1, -1, "01")]


def default_code(number: int) -> str:
    """Return the bits of a number in the default table (EN 1064, C.3)."""
    if number == 0:
        return "0"
    if abs(number) <= 8:
        return "1" * abs(number) + "0" + str(int(number < 0))
    if -128 <= number < 128:
        return "1" * 9 + "0" + f"{number & 255:08b}"
    return "1" * 10 + f"{number & 65535:016b}"


def own_code() -> Callable[[int], str]:
    """Return a coder with `TABLE` and `OTHER`, between which it changes after each number that is -1, 200 or above."""
    table = 1

    def code(number: int) -> str:
        nonlocal table
        change = ""
        if number == -1 and table == 1:
            change, table = "111", 2
        elif number != -1 and table == 2:
            change, table = "00", 1
        if table == 2:
            return change + "01"
        if number == 0:
            return change + "0"
        if -8 <= number - 3 < 8:
            return change + "10" + f"{(number - 3) & 15:04b}"
        return change + "110" + f"{number & 65535:016b}"

    return code


def tables(*each: Sequence[tuple[int, int, int, int, str]]) -> bytes:
    content = struct.pack("<H", len(each))
    for table in each:
        content += struct.pack("<H", len(table))
        for prefix, bits, mode, base, read in table:
            content += struct.pack("<BBBhI", prefix, bits, mode, base, int(read[::-1], 2))
    return content


def packed(bits: str) -> bytes:
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[place : place + 8], 2) for place in range(0, len(bits), 8))


def coded(samples: np.ndarray, differences: int, coder: Callable[[int], str] | None) -> bytes:
    """Return a lead as it is stored; `None` is without compression."""
    numbers = samples.astype(np.int64).copy()
    if differences == 1:
        numbers[1:] = np.diff(samples)
    elif differences == 2:
        numbers[2:] = np.diff(samples, 2)
    if coder is None:
        return numbers.astype("<i2").tobytes()
    return packed("".join(coder(int(number)) for number in numbers))


def signal(
    leads: Sequence[np.ndarray],
    *,
    nanovolts: int,
    microseconds: int,
    differences: int = 2,
    coder: Callable[[], Callable[[int], str] | None] = lambda: default_code,
    bimodal: int = 0,
) -> bytes:
    contents = [coded(lead, differences, coder()) for lead in leads]
    contents = [content + b"\0" * (len(content) % 2) for content in contents]
    head = struct.pack("<HHBB", nanovolts, microseconds, differences, bimodal)
    return head + struct.pack(f"<{len(leads)}H", *map(len, contents)) + b"".join(contents)


def lead_list(
    leads: Sequence[str], samples: int, *, begins: int = 1, flags: int = 0, codes: dict[str, int] = CODES
) -> bytes:
    each = b"".join(struct.pack("<IIB", begins, begins + samples - 1, codes[lead]) for lead in leads)
    return struct.pack("<BB", len(leads), flags) + each


def header(**fields: bytes) -> bytes:
    """Return section 1 with fields by their tags: `t5=…`."""
    content = b"".join(struct.pack("<BH", int(tag[1:]), len(value)) + value for tag, value in fields.items())
    return content + b"\xff\0\0"


def device(model: bytes = b"ELI250", language: int = 1, texts: Sequence[bytes] = (b"1.5", b"SN 42", b"2.0")) -> bytes:
    return (
        struct.pack("<HHHBB", 0, 11, 51, 0, 255)
        + model[:6].ljust(6, b"\0")
        + bytes([20, 0xA0, language, 8, 0])
        + bytes(16)
        + bytes([len(texts[0]) + 1])
        + b"".join(text + b"\0" for text in texts)
    )


def statements(texts: Sequence[bytes], status: int = 0, typed: int | None = None) -> bytes:
    content = struct.pack("<BHBBBBBB", status, 2021, 5, 21, 17, 3, 33, len(texts))
    for number, text in enumerate(texts, start=1):
        body = (b"" if typed is None else bytes([typed])) + text + b"\0"
        content += struct.pack("<BH", number, len(body)) + body
    return content


def scp(sections: dict[int, bytes], *, checksums: bool = True, mark: bytes = b"SCPECG") -> bytes:
    """Return a file of sections by their numbers."""

    def whole(number: int, body: bytes, reserved: bytes = bytes(6)) -> bytes:
        body += b"\0" * (len(body) % 2)
        content = struct.pack("<HIBB", number, len(body) + 16, 20, 20) + reserved + body
        return struct.pack("<H", binascii.crc_hqx(content, 0xFFFF) if checksums else 0) + content

    place = 7 + 16 + 10 * 12
    pointers = struct.pack("<HII", 0, place - 7, 7)
    bodies = b""
    for number in range(1, 12):
        body = whole(number, sections[number]) if number in sections else b""
        pointers += struct.pack("<HII", number, len(body), place + len(bodies) if body else 0)
        bodies += body
    content = whole(0, pointers, mark) + bodies
    content = struct.pack("<I", len(content) + 6) + content
    return struct.pack("<H", binascii.crc_hqx(content, 0xFFFF) if checksums else 0) + content


def scp_sections(recording: Recording, **options: object) -> dict[int, bytes]:
    """Return sections 2, 3 and 6 of a recording, in steps of 2.5 µV."""
    samples = np.rint(recording.millivolts() * 400).astype(np.int64)
    microseconds = round(1e6 / recording.sampling_rate_hz)
    rhythm = signal(list(samples), nanovolts=2500, microseconds=microseconds, **options)  # type: ignore[arg-type]
    return {2: DEFAULT, 3: lead_list(LEADS, samples.shape[1]), 6: rhythm}


def scp_file(recording: Recording) -> bytes:
    return scp({1: header(t2=b"4711\0", t14=device()), **scp_sections(recording), 8: statements([b"Sinus rhythm"])})
