"""House rules that no type checker sees."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return {name.partition(".")[0] for name in found}


def imported_modules(path: Path) -> set[str]:
    """Every module a file imports from, also inside functions; `from a import b` counts as `a` and as `a.b`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_ml_never_imports_app() -> None:
    files = list((ROOT / "ml").rglob("*.py"))
    assert len(files) > 20
    assert [str(path) for path in files if "app" in imports(path)] == []


FLOORS = (
    {"deidentify", "documents", "processes", "formats", "interchange", "labeling", "measurements", "signals"},
    {"archives", "audit", "corpus", "evaluation", "networks", "rules"},
    {"bundles", "discrepancy", "paradigms"},
    {"inference", "training"},
    {"starter", "study"},
)
"""The folders of `ml`, from the ground up: a folder imports from its own floor and from those below."""


def test_the_folders_of_ml_stand_on_floors() -> None:
    floor_of = {folder: floor for floor, folders in enumerate(FLOORS) for folder in folders}
    assert {path.name for path in (ROOT / "ml").iterdir() if (path / "__init__.py").exists()} == set(floor_of)
    assert {path.name for path in (ROOT / "ml").glob("*.py")} == {"__init__.py", "__main__.py"}
    upwards = [
        f"{path.relative_to(ROOT)} imports {name}"
        for folder, floor in floor_of.items()
        for path in (ROOT / "ml" / folder).rglob("*.py")
        for name in imported_modules(path)
        if name.startswith("ml.") and floor_of.get(name.split(".")[1], len(FLOORS)) > floor
    ]
    assert upwards == []


def test_no_modules_of_ml_import_each_other_in_a_circle() -> None:
    files = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in (ROOT / "ml").rglob("*.py")}
    edges = {module: imported_modules(path) & files.keys() for module, path in files.items()}
    while leaves := [module for module, targets in edges.items() if not targets & edges.keys()]:
        for module in leaves:
            del edges[module]
    assert sorted(edges) == []


@pytest.mark.parametrize(
    "entry", ["app.main", "app.jobs.worker, app.steps", "app.predictions.worker", "app.imports.reading.child"]
)
def test_no_process_of_the_service_imports_torch(entry: str) -> None:
    slow = ("torch", "pandas", "statsmodels", "scipy.signal", "scipy.stats")
    script = f"import {entry}, sys; print([m for m in {slow} if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", script], text=True, cwd=ROOT).strip() == "[]"


def test_sql_lives_in_queries() -> None:
    allowed = {"queries.py", "tables.py"}
    kit = {ROOT / "app" / name for name in ("kit/database.py", "kit/pagination.py", "kit/audit.py", "migrate.py")}
    for path in (ROOT / "app").rglob("*.py"):
        if path.name in allowed or path in kit or "embedded" in path.parts:
            continue
        text = path.read_text()
        assert not re.search(r"from sqlalchemy import .*\b(select|insert|update|delete|text)\b", text), path
        assert ".commit(" not in text, path


def test_parameters_beyond_four_are_given_by_name() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in (*(ROOT / "app").rglob("*.py"), *(ROOT / "ml").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        # FastAPI and Typer pass every parameter of a route or a command by name
        if not any(re.search(r"router\.|\.command\(", ast.unparse(decorator)) for decorator in node.decorator_list)
        if len([each for each in node.args.posonlyargs + node.args.args if each.arg not in ("self", "cls")]) > 4
    ]
    assert found == []


def test_migrations_are_one_line() -> None:
    """Two migrations after the same one would leave the schema to chance."""
    files = list((ROOT / "migrations" / "versions").glob("0*.py"))
    before = [re.search(r'^down_revision = "?(\w+)"?$', path.read_text(), re.MULTILINE) for path in files]
    named = [found[1] for found in before if found is not None]
    assert len(named) == len(files) == len(set(named))
