"""Whether what a training run needs is installed. Asked before its job is written, not when it fails."""

from collections.abc import Iterable
from importlib.util import find_spec

from app.kit.problems import Problem
from ml.training.configuration import Config

TEXT_PACKAGES = ("tokenizers", "transformers")
INSTALL = ".venv/bin/pip install -c constraints.txt -e '.[text]'"


def check_text_extra(configurations: Iterable[Config]) -> None:
    """Answer 409 where a run trains a text encoder and the extra `text` is not installed."""
    if any(config.definition().contrastive for config in configurations):
        require_text_extra()


def require_text_extra() -> None:
    """Answer 409 where the extra `text` is not installed; nothing is imported."""
    if not has_text_extra():
        raise Problem(
            409,
            "text_extra_missing",
            f"CLIP and NegCLIP need the extra `text`, which is not installed here. Install it: {INSTALL}",
        )


def has_text_extra() -> bool:
    """Return whether the extra `text` is installed."""
    return None not in map(find_spec, TEXT_PACKAGES)
