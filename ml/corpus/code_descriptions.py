"""What codes say in words."""

from functools import lru_cache
from pathlib import Path

import yaml

_FILE = Path(__file__).with_name("code_descriptions.yaml")


@lru_cache(maxsize=1)
def code_descriptions() -> dict[str, dict[str, str]]:
    """Return a description by code system and code; not every system and code has one."""
    described: dict[str, dict[str, str]] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return described
