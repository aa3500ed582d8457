"""Spelling against the slow definition of a Damerau edit; the trie against a slow search."""

from hypothesis import given
from hypothesis import strategies as st

from ml.labeling.spelling import Spelling, one_edit_apart
from ml.labeling.terms import Terms, variants

ALPHABET = "abc"
SHORT = st.text(ALPHABET, max_size=7)


def edits(word: str) -> set[str]:
    """Every word one insertion, deletion, substitution or swap of neighbours away, spelt out."""
    ends = range(len(word) + 1)
    inserted = {word[:i] + letter + word[i:] for i in ends for letter in ALPHABET}
    deleted = {word[:i] + word[i + 1 :] for i in ends[:-1]}
    replaced = {word[:i] + letter + word[i + 1 :] for i in ends[:-1] for letter in ALPHABET}
    swapped = {word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1)}
    return (inserted | deleted | replaced | swapped) - {word}


@given(SHORT, SHORT)
def test_one_edit_apart_is_the_definition(a: str, b: str) -> None:
    assert one_edit_apart(a, b) == (b in edits(a))


@given(st.sets(st.text(ALPHABET, min_size=5, max_size=8), max_size=8), st.text(ALPHABET, min_size=5, max_size=8))
def test_a_word_is_corrected_to_the_only_target_one_edit_away(targets: set[str], word: str) -> None:
    near = targets & edits(word)
    if len(near) > 1:  # the ends of a word are rarely mistyped
        near = {target for target in near if (target[0], target[-1]) == (word[0], word[-1])}
    expected = near.pop() if word not in targets and len(near) == 1 else word
    assert Spelling(targets, targets).correct(word) == expected


def test_short_and_known_words_are_left_alone() -> None:
    spelling = Spelling(["sinus", "lvh"], ["minus"])
    assert [spelling.correct(word) for word in ("sinsu", "minus", "rvh", "sinus1")] == [
        "sinus",
        "minus",
        "rvh",
        "sinus1",
    ]


def test_terms_spell_out() -> None:
    assert variants("left (anterior|posterior) block|bbb") == [
        ("left", "anterior", "bbb"), ("left", "anterior", "block"), ("left", "bbb"), ("left", "block"),
        ("left", "posterior", "bbb"), ("left", "posterior", "block"),
    ]  # fmt: skip


@given(
    st.lists(st.lists(st.sampled_from(ALPHABET), min_size=1, max_size=3).map(" ".join), max_size=6),
    st.lists(st.sampled_from(ALPHABET), max_size=12),
)
def test_the_longest_term_at_the_first_place_is_found(terms: list[str], words: list[str]) -> None:
    expected, start = [], 0
    while start < len(words):
        ends = [e for e in range(start + 1, len(words) + 1) if " ".join(words[start:e]) in terms]
        if ends:
            expected.append((start, max(ends), " ".join(words[start : max(ends)])))
        start = max(ends, default=start + 1)
    trie = Terms((term, term) for term in terms)
    assert trie.walk(words, lambda start, end, term: (start, end, term)) == expected
