"""What holds for every kind of archive."""

from pathlib import Path

import pytest

from ml.archives import ARCHIVES, BadArchive, read


def test_a_kind_is_known_by_its_name() -> None:
    assert all(kind.name == name and kind.what for name, kind in ARCHIVES.items())
    with pytest.raises(BadArchive, match="the kind is none of"):
        next(read("ptb", Path()))
