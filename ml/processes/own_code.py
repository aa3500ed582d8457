"""A researcher's own code, named in a configuration as `package.module:name`. Nothing is imported unless it is allowed.

Own code is for local use: a configuration that somebody wrote and runs on their own machine. The service allows none.
"""

import importlib
from typing import Annotated, Any

from pydantic import StringConstraints

PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*$"

OwnName = Annotated[str, StringConstraints(pattern=PATTERN, max_length=200)]


class OwnCodeError(ValueError):
    """Own code is not allowed here, cannot be imported, or is not what it should be."""


def load(name: str, allowed: bool) -> Any:
    """Import `package.module:name` and return the object.

    Raises
    ------
    OwnCodeError
        When own code is not allowed, the module cannot be imported, or it has no such name.
    """
    if not allowed:
        raise OwnCodeError(
            f"{name} is code from outside Overread. It is allowed in local use only, and must be asked for"
        )
    module, _, attribute = name.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        raise OwnCodeError(f"{name}: {error}. Install the package, or add its folder to PYTHONPATH") from error
    except AttributeError as error:
        raise OwnCodeError(f"{name}: the module {module} has no {attribute}") from error
