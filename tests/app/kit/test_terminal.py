"""Nothing that is printed steers the terminal."""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kit.terminal import printable

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x1b]0;owned\x07", r"\x1b[2J\x1b]0;owned\x07"),
        ("a\rb\x9b31m", r"a\rb\x9b31m"),
        ("left\u202eright", r"left\u202eright"),
        ("caf\udce9", r"caf\udce9"),
        ("Größe\t5 µV\n", "Größe\t5 µV\n"),
        ("心電図", "心電図"),
    ],
)
def test_what_steers_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(st.characters(codec=None, exclude_categories=[])))
def test_nothing_that_steers_is_left(text: str) -> None:
    shown = printable(text)
    assert all(character.isprintable() or character in "\n\t" or character.isspace() for character in shown)
    assert not any(ord(character) < 32 and character not in "\n\t" for character in shown)
    shown.encode()  # no broken UTF-8
    assert printable(shown) == shown


def test_every_command_prints_in_one_place() -> None:
    """`show` and `say` write out what steers; a command that prints by itself would not."""
    printing = set()
    for path in (ROOT / "app" / "commands").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"print", "typer.echo", "sys.stdout.write"}:
                printing.add(path.name)
    assert printing == {"shared.py"}
