"""The code blocks of a page of `docs/`, so that a test can run what the page shows."""

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def code_blocks(page: str, language: str) -> list[str]:
    """Return a page's code blocks in a language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (DOCS / page).read_text(encoding="utf-8"), re.M | re.S)


def write_blocks(page: str, folder: Path) -> list[Path]:
    """Write each Python or YAML block whose first line is `# path` to that path below a folder, and return the paths."""
    written = []
    for block in (*code_blocks(page, "python"), *code_blocks(page, "yaml")):
        if match := re.match(r"# ([\w/]+\.(?:py|yaml))\b", block):
            path = folder / match[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block, encoding="utf-8")
            written.append(path)
    return written
