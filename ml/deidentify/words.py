"""Words that reports are made of, and words that are names."""

import unicodedata
from functools import cache
from pathlib import Path

from ml.labeling.tokens import fold

_STROKES = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"})
_FOLDER = Path(__file__).parent / "words"
_SHORTEST_STEM = 6  # letters: a longer word that begins or ends with an ECG word is made of it
_LONGEST = 40


@cache
def _listed(name: str) -> frozenset[str]:
    return frozenset(fold(word) for word in (_FOLDER / f"{name}.txt").read_text(encoding="utf-8").split())


@cache
def known_words() -> frozenset[str]:
    """Return the words of ECG reports in English and German, eponyms and function words included, folded."""
    return _listed("ecg") | _listed("common") | _listed("names_too")


def is_known(word: str) -> bool:
    """Whether a folded word is one of reports, or is made of one ("Sinusrhythmusstörung")."""
    return word in known_words() or is_of_ecgs(word)


def is_of_ecgs(word: str) -> bool:
    """Whether a folded word speaks of ECGs and is no name as well, or is made of such a word."""
    stems = _listed("ecg")
    return word in stems or (
        _SHORTEST_STEM < len(word) <= _LONGEST
        and not is_a_name(word)
        and any(word[:cut] in stems or word[-cut:] in stems for cut in range(_SHORTEST_STEM, len(word)))
    )


def is_given_name(word: str) -> bool:
    """Whether a folded word is a frequent first name and no word of reports."""
    return _is_listed(word, "given_names")


def is_a_name(word: str) -> bool:
    """Whether a folded word is a frequent first name or surname and no word of reports."""
    return _is_listed(word, "given_names") or _is_listed(word, "surnames")


def _is_listed(word: str, name: str) -> bool:
    return word in _listed(name) or (not word.isascii() and _without_accents(word) in _accentless(name))


@cache
def _accentless(name: str) -> frozenset[str]:
    return frozenset(map(_without_accents, _listed(name)))


def _without_accents(word: str) -> str:
    letters = unicodedata.normalize("NFKD", word.translate(_STROKES))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def is_also_a_name(word: str) -> bool:
    """Whether a folded word of reports is a name as well: an eponym ("Wilson"), or an ordinary word ("Long")."""
    return word in _listed("names_too")
