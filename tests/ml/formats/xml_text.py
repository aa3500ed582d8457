"""A record as the text of one XML file: what is read of it, and why it is refused."""

import pytest

from ml.formats import EcgFile, Unreadable, read


def read_text(text: str) -> EcgFile:
    return read({"e.xml": text.encode()})


def codes(text: str) -> set[str]:
    with pytest.raises(Unreadable) as caught:
        read_text(text)
    return {reason.code for reason in caught.value.reasons}
