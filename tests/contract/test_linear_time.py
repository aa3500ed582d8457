"""No pattern and no loop that meets a client's bytes takes more than linear time."""

import io
import json
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest

from app.ecgs.schemas import EcgMetadata
from app.imports import lines as imports
from app.jobs.paths import without_folders
from app.kit.pagination import decode
from app.reports.identifiers import without_identifier_lines
from ml import formats
from ml.documents.xml import escaped
from ml.formats.leads import canonical_lead
from ml.labeling import Labeler, Vocabulary, builtin
from ml.labeling import lines as reports
from ml.labeling.batch import counted_form, row
from tests.contract.adversarial import Used, hostile, hostile_to, made_at_run_time, slow, used_patterns

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("app", "ml")


@cache
def labeler() -> Labeler:
    return Labeler(builtin())
