"""What a child says of its files reaches a client without the folders of the server."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.jobs.child import _parse
from app.jobs.paths import without_folders

FOLDERS = st.lists(st.text("abcXYZ019_-.", min_size=1, max_size=8), min_size=1, max_size=4)
NAME = st.text("abcXYZ019_-", min_size=1, max_size=8)


@given(FOLDERS, NAME, st.sampled_from(["{}", "'{}'", '"{}"', "({})", "not found: {}, sorry", "{}: no such file"]))
def test_of_a_path_the_name_remains(folders: list[str], name: str, words: str) -> None:
    assert without_folders(words.format("/" + "/".join(folders) + "/" + name)) == words.format(name)


@given(FOLDERS, NAME)
def test_a_quoted_path_may_hold_blanks(folders: list[str], name: str) -> None:
    assert without_folders(f"No such file: '/my data/{'/'.join(folders)}/{name}'") == f"No such file: '{name}'"


@pytest.mark.parametrize(
    "words", ["LVH and/or RVH", "AUROC 3/4", "12 /min", "tables/table_1.csv", "see https://example.org/a/b", "/ / /"]
)
def test_other_words_stay(words: str) -> None:
    assert without_folders(words) == words


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)), FOLDERS, NAME)
def test_a_childs_line_stays_one_event(payload: object, folders: list[str], name: str) -> None:
    path = "/" + "/".join(folders) + "/" + name
    line = json.dumps({"event": "error", "message": f"OSError: '{path}' is damaged", "payload": payload}).encode()
    kind, event = _parse(line)
    assert (kind, event["message"]) == ("error", f"OSError: '{name}' is damaged")
    assert not re.search(re.escape(path), json.dumps(event.get("message")))
