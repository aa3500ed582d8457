"""Pages that say what is: links lead somewhere, every setting is on its page, every page is in the index."""

import re
import subprocess
from pathlib import Path

import pytest

from app.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SETTINGS = ROOT / "docs/reference/settings.md"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_to_a_file(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert missing == []


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs/README.md"
    listed = index.read_text(encoding="utf-8")
    pages = [page.relative_to(index.parent) for page in PAGES if index.parent in page.parents and page != index]
    assert [str(page) for page in pages if f"({page})" not in listed and page.parts[0] != "measurements"] == []


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_on_its_page_with_its_default(name: str) -> None:
    [row] = re.findall(
        rf"^\| `OVERREAD_{name.upper()}` \| (.*?) \|", SETTINGS.read_text(encoding="utf-8"), re.MULTILINE
    )
    default = Settings.model_fields[name].default
    assert row == ("none" if default in (None, (), {}) else f"`{default}`")


def test_the_settings_page_names_nothing_else() -> None:
    named = set(re.findall(r"`(OVERREAD_[A-Z_]+)`", SETTINGS.read_text(encoding="utf-8")))
    known = {f"OVERREAD_{name.upper()}" for name in Settings.model_fields}
    elsewhere = {name for name in named - known if not _is_read_outside(name)}
    assert elsewhere == set()


def _is_read_outside(name: str) -> bool:
    found = subprocess.run(
        ["grep", "-rlF", name, "docker-compose.yml", "tests", "app", "ml"], cwd=ROOT, capture_output=True, check=False
    )
    return found.returncode == 0
