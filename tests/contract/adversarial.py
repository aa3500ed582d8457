"""Strings that make a slow pattern or loop slow, and whether work grows faster than its input."""

import ast
import importlib
import pkgutil
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, NamedTuple

from tests.cost import Clock, timed

SMALL = 4_096  # characters
QUICK_S = 0.004  # quadratic work on SMALL characters takes longer; linear work does not
HANGS_S = 1
SUSPECT = 4  # times the work of an ordinary text of as many characters
GROWTH = 9  # from SMALL to 4 * SMALL characters: 4 when linear, 16 when quadratic
RUNS = 3

_COMMON = "a1_ .?!-+='\"([{\\/:,;\t\né§"
_ONLY_AT_ONE_PLACE = {"match", "fullmatch"}


class Used(NamedTuple):
    """A pattern of the source, and whether it is only ever tried at one place of a text."""

    where: str
    pattern: "re.Pattern[str] | re.Pattern[bytes]"
    at_one_place: bool


class Hangs(Exception):
    """A single string took longer than `HANGS_S`."""


def used_patterns(root: Path, packages: tuple[str, ...]) -> list[Used]:
    """Return every pattern that is a constant of a module, or is written within a function."""
    found = []
    for module in _modules(packages):
        path = Path(module.__file__ or "")
        source = path.read_text()
        where = str(path.relative_to(root))
        for name, value in vars(module).items():
            for pattern in value if isinstance(value, tuple | list) else [value]:
                if isinstance(pattern, re.Pattern) and re.search(rf"^{name}\b", source, re.MULTILINE):
                    methods = set(re.findall(rf"\b{name}\.(\w+)", source))
                    found.append(Used(f"{where}: {name}", pattern, bool(methods) and methods <= _ONLY_AT_ONE_PLACE))
        for method, written in _calls_in_functions(source):
            if isinstance(written, ast.Constant):
                found.append(
                    Used(f"{where}: {written.value!r}", re.compile(written.value), method in _ONLY_AT_ONE_PLACE)
                )
    return found


def made_at_run_time(root: Path, packages: tuple[str, ...]) -> set[str]:
    """Return the files whose functions compile a pattern that only exists at run time."""
    return {
        str(path.relative_to(root))
        for package in packages
        for path in (root / package).rglob("*.py")
        for _, written in _calls_in_functions(path.read_text())
        if not isinstance(written, ast.Constant)
    }


def _modules(packages: tuple[str, ...]) -> Iterator[ModuleType]:
    for package in packages:
        yield (top := importlib.import_module(package))
        for info in pkgutil.walk_packages(top.__path__, f"{package}."):
            if not info.name.endswith("__main__"):
                yield importlib.import_module(info.name)


def _calls_in_functions(source: str) -> Iterator[tuple[str, ast.expr]]:
    """Yield the method and the pattern of each call `re.method(pattern, …)` within a function."""
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                    of = node.func.value
                    if isinstance(of, ast.Name) and of.id == "re" and node.func.attr not in ("escape", "purge"):
                        yield node.func.attr, node.args[0]


def hostile_to(pattern: "re.Pattern[str] | re.Pattern[bytes]", length: int) -> Iterator[str]:
    """Yield strings of about `length` characters: repeats of what the pattern may match, a mismatch at the end."""
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    tree = re._parser.parse(source, pattern.flags & ~re.DEBUG)  # type: ignore[attr-defined]
    example, letters = _example(tree)
    repeated = list(dict.fromkeys([*letters, *_COMMON]))
    for unit in [*repeated, example or "a"]:
        for end in ("§", "1"):
            yield _repeated(unit, length) + end
    for pair in (a + b for a in repeated[:24] for b in repeated[:24] if a != b):
        yield _repeated(pair, length) + "§"
    for cut in range(1, min(len(example), 60) + 1):
        for letter in repeated:
            yield example[:cut] + _repeated(letter, length) + "§"


def hostile(length: int) -> Iterator[str]:
    """Yield strings of about `length` characters that repeat one or two characters, and end in another."""
    for letter in [*_COMMON, "\u2028"]:
        for end in ("x", "1", "]"):
            yield _repeated(letter, length) + end
    for pair in [*(a + b for a in ".?-([1 a\n" for b in " .1a,:(\n" if a != b), "1) ", "a. ", '{"', "\r\n"]:
        yield _repeated(pair, length) + "x"


def slow(work: Callable[[str], object], strings: Callable[[int], Iterator[str]]) -> str | None:
    """Return the beginning of a string whose work grows faster than its length, None where there is none."""
    ordinary = _seconds(work, _repeated("ab 1. ", SMALL), RUNS)
    for number, text in enumerate(strings(SMALL)):
        try:
            if _seconds(work, text, 1) > max(QUICK_S, SUSPECT * ordinary) and _grows(work, strings, number):
                return text[:40]
        except Hangs:
            return f"{text[:40]} (hangs)"
    return None


def _grows(work: Callable[[str], object], strings: Callable[[int], Iterator[str]], number: int) -> bool:
    """Whether the work on four times the characters is more than `GROWTH` times the work."""
    sizes = [next(text for i, text in enumerate(strings(size)) if i == number) for size in (SMALL, 4 * SMALL)]
    small = _seconds(work, sizes[0], RUNS)
    return all(_seconds(work, sizes[1], 1) > GROWTH * small for _ in range(RUNS))


def _repeated(unit: str, length: int) -> str:
    return unit * (length // len(unit))


def _seconds(work: Callable[[str], object], text: str, runs: int) -> float:
    """Return the least CPU time of several runs: other processes do not count, and most of what disturbs is left out."""
    least = float("inf")
    for _ in range(runs):
        with timed() as clock, _not_hanging(clock):
            work(text)
        least = min(least, clock.seconds)
    return least


@contextmanager
def _not_hanging(clock: Clock) -> Iterator[None]:
    """Raise `Hangs` in the work that takes more than `HANGS_S` of CPU time by its clock."""

    def look(number: int, frame: FrameType | None) -> None:
        if clock.so_far() > HANGS_S:
            raise Hangs

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, HANGS_S, HANGS_S)  # a timer of CPU time would make the clock coarse
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _example(tree: Any) -> tuple[str, list[str]]:
    """Return a string that the pattern begins to match, and the characters that it names."""
    example, letters = "", list[str]()
    for op, argument in tree:
        name = str(op)
        if name in ("LITERAL", "NOT_LITERAL"):
            letter = chr(argument) if name == "LITERAL" else chr((argument + 1) % 128)
            example, letters = example + letter, [*letters, letter]
        elif name == "IN":
            named = [_named(*item) for item in argument if str(item[0]) != "NEGATE"]
            letters += named
            negated = str(argument[0][0]) == "NEGATE"
            example += next((c for c in _COMMON if c not in named), "") if negated else named[0]
        elif name == "ANY":
            example += "a"
        elif name == "BRANCH":
            inner = [_example(branch) for branch in argument[1]]
            example += inner[0][0]
            letters += [letter for _, more in inner for letter in more]
        elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            inside, more = _example(argument[2])
            example += inside * max(1, min(argument[0], 8))
            letters += more
        elif name in ("SUBPATTERN", "ATOMIC_GROUP"):
            inside, more = _example(argument[-1] if name == "SUBPATTERN" else argument)
            example += inside
            letters += more
        elif name in ("ASSERT", "ASSERT_NOT"):
            letters += _example(argument[1])[1]
    return example, list(dict.fromkeys(letters))


def _named(op: Any, argument: Any) -> str:
    if str(op) == "LITERAL":
        return chr(argument)
    if str(op) == "RANGE":
        return chr(argument[0])
    return {"DIGIT": "1", "SPACE": " ", "WORD": "a"}.get(str(argument).rpartition("_")[2], "§")
