"""No process of the service runs code that lies in the current folder."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.kit.children import python_module, safe_environment, secretless_environment

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = 77
"""The status of what lies in the hostile folder, were it run."""
STARTS = {"Popen", "run", "call", "check_call", "check_output"}
ELSEWHERE = {"app/kit/children.py", "app/embedded/child.py"}
"""Who may name the interpreter: the one place that makes commands, and PostgreSQL's launcher (`-I -S`)."""


def sources() -> list[Path]:
    return [path for folder in ("app", "ml") for path in (ROOT / folder).rglob("*.py")]


def starts(path: Path) -> list[ast.Call]:
    """The calls of `subprocess` in a file that start a program."""
    return [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in STARTS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "subprocess"
    ]


def test_each_child_is_started_in_a_folder_that_is_named() -> None:
    found = [(str(path.relative_to(ROOT)), call) for path in sources() for call in starts(path)]
    assert len(found) >= 8
    assert [place for place, call in found if "cwd" not in {keyword.arg for keyword in call.keywords}] == []


def test_python_is_started_in_one_way() -> None:
    users = {str(path.relative_to(ROOT)) for path in sources() if "sys.executable" in path.read_text()}
    assert users == ELSEWHERE


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder that everybody may write to, with packages of our names."""
    tmp_path.chmod(0o777)
    for name in ("app", "ml", "structlog", "numpy"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(
            f"import pathlib; pathlib.Path('ran').touch(); raise SystemExit({HOSTILE})"
        )
    (tmp_path / ".env").write_text("OVERREAD_DATABASE_URL=nonsense\nOVERREAD_DATA_DIR=/nowhere\n")
    return tmp_path


@pytest.mark.parametrize("module", ["app.cli", "ml", "ml.labeling.batch"])
def test_a_child_does_not_run_what_lies_in_its_folder(hostile: Path, module: str) -> None:
    for environment in (safe_environment(), secretless_environment()):
        command = python_module(module, "--help")
        ended = subprocess.run(
            command, cwd=hostile, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
        assert ended.returncode != HOSTILE, ended.stderr
    assert not (hostile / "ran").exists()


def test_a_childs_own_children_are_started_safely_too(hostile: Path) -> None:
    grandchild = "import subprocess, sys; subprocess.run([sys.executable, '-m', 'app.cli', '--version'], check=True)"
    command = [sys.executable, "-P", "-c", grandchild]
    ended = subprocess.run(command, cwd=hostile, env=safe_environment(), capture_output=True, text=True, check=True)
    assert ended.stdout.startswith("overread ") and not (hostile / "ran").exists()


def test_the_installed_command_ignores_the_folder_it_is_run_in(hostile: Path) -> None:
    installed = Path(sys.executable).with_name("overread")
    if not installed.exists():
        pytest.skip("the command is not installed beside this interpreter")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OVERREAD_")}
    for arguments, status in ((["--version"], 0), (["user", "list"], 2)):
        ended = subprocess.run(
            [installed, *arguments], cwd=hostile, env=environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == status, ended.stderr
    assert "there is no Overread service in" in ended.stderr
    assert not (hostile / "ran").exists() and not (hostile / "data").exists()
