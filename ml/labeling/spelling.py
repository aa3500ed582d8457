"""One typo a word: from a misspelt word to the vocabulary's.

A word and a target one Damerau edit apart (an insertion, deletion, substitution or transposition) share a form with at
most one letter taken out, so an index of the targets' forms finds every candidate in time linear in the word's
length (Garbe's symmetric deletes).
"""

from collections import defaultdict
from collections.abc import Collection

SHORTEST = 5  # letters of a target; shorter words are mostly abbreviations: one letter changes what they mean
SHORTEST_WRITTEN = 4  # letters of a word with a typo, which then begins as its target does: "rigt"
LONGEST = 40


class Spelling:
    """Corrects words towards `targets`, leaving `known` words alone."""

    def __init__(self, targets: Collection[str], known: Collection[str]) -> None:
        self._known = frozenset(known)
        self._index: defaultdict[str, list[str]] = defaultdict(list)
        for target in sorted(set(targets)):
            if len(target) >= SHORTEST and target.isalpha():
                for form in _forms(target):
                    self._index[form].append(target)

    def correct(self, word: str) -> str:
        """Return the one target that is one edit away; the word itself where there is none, or more than one.

        Of several, one that alone has the word's first and last letter is meant: those are rarely mistyped.
        """
        if not SHORTEST_WRITTEN <= len(word) <= LONGEST or word in self._known or not word.isalpha():
            return word
        near = {target for form in _forms(word) for target in self._index.get(form, ()) if one_edit_apart(word, target)}
        if len(word) < SHORTEST:
            near = {target for target in near if target[0] == word[0]}
        if len(near) > 1:
            near = {target for target in near if target[0] == word[0] and target[-1] == word[-1]}
        return near.pop() if len(near) == 1 else word


def one_edit_apart(a: str, b: str) -> bool:
    """Whether one insertion, deletion, substitution or transposition of neighbours makes one word the other."""
    if len(a) > len(b):
        a, b = b, a
    first = next((i for i in range(len(a)) if a[i] != b[i]), len(a))
    if len(a) < len(b):
        return a[first:] == b[first + 1 :]
    if a[first + 1 :] == b[first + 1 :]:
        return a != b
    return a[first : first + 2] == b[first : first + 2][::-1] and a[first + 2 :] == b[first + 2 :]


def _forms(word: str) -> list[str]:
    return [word, *(word[:i] + word[i + 1 :] for i in range(len(word)))]
