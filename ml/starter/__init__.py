"""The model that ships with the release, and how it is made (see docs/explanation/starter_model.md)."""

from pathlib import Path

BUNDLE = Path(__file__).parent / "bundle"
