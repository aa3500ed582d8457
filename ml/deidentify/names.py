"""Where a person's name ends."""

import re
from collections.abc import Sequence
from typing import Literal

from ml.deidentify.cues import words
from ml.deidentify.tokens import Token
from ml.deidentify.words import is_a_name, is_also_a_name, is_given_name, is_known, is_of_ecgs

Evidence = Literal["sure", "likely", "perhaps"]
"""How much the words before say of a name. Sure: any capitalised word that does not speak of ECGs is one. Likely: any
word that reports do not use, or that is a name as well. Perhaps: only a capitalised word that reports do not use."""

LONGEST = 12  # tokens of a name
_WITHIN = re.compile(r"\s?|\s?,\s?|\s?[-–/&]\s?|\^+|\s?\(\s?|\)\s?,?\s?")
_BEHIND_A_STOP = re.compile(r"\.\s?|\.?\s?,\s?|\.-")
_SHORT = 3  # letters: a full stop behind such a word may be an abbreviation's
_LONG = 4  # letters: shorter words may be abbreviations
_AND = frozenset({"and", "und"})


class Names:
    """Finds names in the tokens of a text."""

    def __init__(self, text: str, tokens: Sequence[Token]) -> None:
        self._text = text
        self._tokens = tokens

    def end(self, first: int, evidence: Evidence) -> int:
        """Return the token behind the name that begins at token `first`; `first` itself where no name begins."""
        end = place = first
        surname = False  # a word that is no first name
        while place < min(first + LONGEST, len(self._tokens)):
            token = self._tokens[place]
            if place > first and not self._goes_on(place):
                break
            if token.folded in words("titles") or (end > first and self._is_credential(place)):
                place += 1
                end = place if end > first else end
                continue
            if self._joins(place):
                place += 1
                continue
            if end > first:
                is_name = self._is_in_brackets(place) or self._is_half_a_name(place)
            else:
                is_name = self._is_followed_by_a_first_name(place)
            if not is_name and not self._is_name(place, evidence, starts=end == first, surname=surname):
                break
            surname = surname or not (self.is_initial(place) or is_given_name(token.folded))
            place += 1
            end = place
        alone = end == first + 1 and self.is_initial(first)
        return first if alone and (evidence == "perhaps" or self._tokens[first].folded in words("nobody")) else end

    def is_unknown(self, place: int) -> bool:
        """Whether a token is written as a name and is no word of reports."""
        token = self._tokens[place]
        if not token.is_word or len(token.written) == 1:
            return False
        if not token.is_cased:
            return is_a_name(token.folded)
        return token.is_capitalised and not is_known(token.folded)

    def could_be(self, place: int) -> bool:
        """Whether a token is written as a name and may be one."""
        token = self._tokens[place]
        return self.is_unknown(place) or (token.is_word and token.is_capitalised and is_also_a_name(token.folded))

    def is_unheard_of(self, place: int) -> bool:
        """Whether a token is no word of reports, in a line where capitals say nothing."""
        token = self._tokens[place]
        return token.is_word and not token.is_cased and len(token.written) >= _LONG and not is_known(token.folded)

    def is_initial(self, place: int) -> bool:
        """Whether a token is one letter as of a first name, or several with full stops ("J.D.")."""
        token = self._tokens[place]
        if len(token.written) > 1:
            return token.is_capitalised and "." in token.written
        if not token.is_word or token.is_capitalised or token.is_cased:
            return token.is_word and token.is_capitalised
        stopped = self._text[token.end : token.end + 1] == "."
        return stopped or (place + 1 < len(self._tokens) and not is_known(self._tokens[place + 1].folded))

    def _joins(self, place: int) -> bool:
        """Whether a token is the "van", the "der" or the "and" before a name."""
        word = self._tokens[place].folded
        if place + 1 == len(self._tokens) or not (word in words("particles") or word in _AND):
            return False
        behind = self._tokens[place + 1]
        if not behind.is_cased and word not in _AND:
            return behind.folded in words("particles") or (behind.is_word and not is_known(behind.folded))
        return (word not in _AND and behind.folded in words("particles")) or self.is_unknown(place + 1)

    def _is_name(self, place: int, evidence: Evidence, *, starts: bool, surname: bool) -> bool:
        token = self._tokens[place]
        word = token.folded
        if word in words("eponym_nouns") and not is_also_a_name(word):
            return False
        if not token.is_word or self.is_half_a_word(place) or (word in words("nobody") and not self.is_initial(place)):
            return False
        if self.is_initial(place):
            return True
        if is_a_name(word):
            return token.is_capitalised or not token.is_cased or evidence != "perhaps"
        if is_also_a_name(word):
            return (token.is_capitalised or (starts and evidence == "sure")) and not surname and evidence != "perhaps"
        if is_known(word):
            written_as_a_name = token.is_cased and token.is_capitalised and not token.written.isupper()
            return starts and evidence == "sure" and written_as_a_name and not is_of_ecgs(word)
        if evidence == "perhaps":
            return token.is_cased and token.is_capitalised
        if surname and not token.is_cased and evidence == "sure":
            return self._ends_a_phrase(place)
        return token.is_capitalised or (not surname and (evidence == "sure" or not token.is_cased))

    def _ends_a_phrase(self, place: int) -> bool:
        """Whether a token ends its phrase: "mr. yevhen marchenko: atrial flutter"."""
        end = self._tokens[place].end
        return self._text[end : end + 1] in ("", "\n", "\t", ",", ";", ":", ".", ")")

    def _is_credential(self, place: int) -> bool:
        token = self._tokens[place]
        written = token.is_capitalised or "." in token.written or not token.is_cased
        return written and token.folded in words("credentials")

    def _is_in_brackets(self, place: int) -> bool:
        """Whether a token is a number in brackets, as a reader's behind the name."""
        token = self._tokens[place]
        around = self._text[token.start - 1 : token.start] + self._text[token.end : token.end + 1]
        return not token.is_word and around == "()"

    def _is_half_a_name(self, place: int) -> bool:
        """Whether a token is the second part of "Schäfer-Groß" or "EXAMPLE,READER", or follows an initial."""
        before, token = self._tokens[place - 1], self._tokens[place]
        if not token.is_word or (token.is_cased and not token.is_capitalised):
            return False
        between = self._text[before.end : token.start]
        after_initial = self.is_initial(place - 1) and (self.could_be(place) or not is_known(token.folded))
        return between == "-" or (between == "," and not is_of_ecgs(token.folded)) or after_initial

    def is_half_a_word(self, place: int) -> bool:
        """Whether a token is the "Smith" of "Smith-modified"."""
        if place + 1 == len(self._tokens):
            return False
        behind = self._tokens[place + 1]
        if self._text[self._tokens[place].end : behind.start] != "-" or behind.folded in words("particles"):
            return False
        ordinary = is_known(behind.folded) and not is_also_a_name(behind.folded)
        return ordinary or (behind.is_cased and behind.written.islower())

    def _is_followed_by_a_first_name(self, place: int) -> bool:
        """Whether a token is the surname of "LAD, M.D., RAKESH" or "Long, John"."""
        token = self._tokens[place]
        if place + 1 == len(self._tokens) or (token.is_cased and not token.is_capitalised):
            return False
        behind = self._tokens[place + 1]
        separated = self._text[token.end : behind.start] in (", ", ",")
        return separated and (self._is_credential(place + 1) or is_given_name(behind.folded))

    def _goes_on(self, place: int) -> bool:
        before, token = self._tokens[place - 1], self._tokens[place]
        between = self._text[before.end : token.start]
        if _WITHIN.fullmatch(between):
            return "\n" not in between
        short = len(before.folded) <= _SHORT or before.folded in words("titles") | words("credentials")
        return short and "\n" not in between and _BEHIND_A_STOP.fullmatch(between) is not None
