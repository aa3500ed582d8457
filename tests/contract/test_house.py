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


def test_ml_never_imports_app() -> None:
    files = list((ROOT / "ml").rglob("*.py"))
    assert len(files) > 20
    assert [str(path) for path in files if "app" in imports(path)] == []


@pytest.mark.parametrize("entry", ["app.main", "app.jobs.worker, app.jobs.steps", "app.predictions.worker"])
def test_no_process_of_the_service_imports_torch(entry: str) -> None:
    script = f"import {entry}, sys; print([m for m in ('torch', 'pandas', 'statsmodels') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", script], text=True, cwd=ROOT).strip() == "[]"


def test_sql_lives_in_queries() -> None:
    allowed = {"queries.py", "tables.py"}
    kit = {ROOT / "app/kit" / name for name in ("database.py", "pagination.py", "migrate.py", "audit.py")}
    for path in (ROOT / "app").rglob("*.py"):
        if path.name in allowed or path in kit or "embedded" in path.parts:
            continue
        text = path.read_text()
        assert not re.search(r"from sqlalchemy import .*\b(select|insert|update|delete|text)\b", text), path
        assert ".commit(" not in text, path
