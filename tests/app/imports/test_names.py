"""Names of files do not stand in messages, and messages keep their other words."""

import pytest

from app.imports.names import without_names
from app.imports.places import shown


@pytest.mark.parametrize(
    ("text", "names", "left"),
    [
        ("the header names a file that is missing", {"r", "r.hea"}, "the header names a file that is missing"),
        ("Miller.xml is missing, and Miller too", {"Miller", "Miller.xml"}, "… is missing, and … too"),
        ("a+b (c).xml: it has no lead", {"a+b (c).xml"}, "…: it has no lead"),
        ("it has no lead", {""}, "it has no lead"),
        ("it has no lead", set(), "it has no lead"),
    ],
)
def test_whole_names_are_left_out(text: str, names: set[str], left: str) -> None:
    assert without_names(text, names) == left


@pytest.mark.parametrize(
    ("place", "masked"),
    [
        ("records500/00000/00017_hr.hea", "records500/#####/#####_hr.hea"),
        ("Miller/ecg.xml", "******/ecg.xml"),
        ("M\udcfcller.xml", "******.xml"),
        ("\udcff", "*"),
        ("manifest.csv line 4", "manifest.csv line 4"),
    ],
)
def test_places_are_masked_and_are_unicode(place: str, masked: str) -> None:
    assert shown(place) == masked and shown(place).encode()
