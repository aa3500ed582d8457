"""A format is known by its content; names say which files belong together."""

import pytest

from ml.formats import FORMATS, Unreadable, format_of, read
from ml.formats.format import base_name, matching
from tests.ml.formats.records import simulated_files


def test_content_decides_not_the_name() -> None:
    files = simulated_files()
    expected = read(files).recording.millivolts()
    for name in ("header", "r.txt", "r.HEA", "r.dat.hea", ""):
        again = read({name: files["r.hea"], "r.dat": files["r.dat"]})
        assert (again.recording.millivolts() == expected).all()
    assert format_of("r.hea", files["r.dat"][:100]) is FORMATS[0]  # no format knows the content: the ending decides
    assert format_of("r.dat", files["r.hea"]) is FORMATS[0]
    assert format_of("r.dat", files["r.dat"]) is None


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 100, b"records500/00000/00001_hr\n", b"The 12 leads\nof an ECG\n", b"a,12,500\nb,16,3\n", b"{}"],
)
def test_other_files_are_no_record(content: bytes) -> None:
    assert format_of("RECORDS", content) is None
    with pytest.raises(Unreadable) as caught:
        read({"RECORDS": content})
    assert [reason.code for reason in caught.value.reasons] == ["unknown_format"]
    assert all(known.name in str(caught.value) for known in FORMATS)


@pytest.mark.parametrize("path", ["h.dat", "a/b/h.dat", r"C:\ecgs\h.dat", "./h.dat", "../h.dat", "/h.dat"])
def test_a_name_is_its_last_part(path: str) -> None:
    assert base_name(path) == "h.dat"


def test_names_match_by_base_name_and_by_case_only_where_they_must() -> None:
    assert matching(["x/h.dat", "H.DAT"], "y/h.dat") == ["x/h.dat"]
    assert matching(["x/H.DAT", "i.dat"], "h.dat") == ["x/H.DAT"]
    assert matching(["a/h.dat", "b/h.dat"], "h.dat") == ["a/h.dat", "b/h.dat"]
    assert matching(["a\u0308.dat"], "ä.dat") == ["a\u0308.dat"]
    assert matching(["g.dat"], "h.dat") == []
