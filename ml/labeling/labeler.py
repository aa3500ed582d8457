"""Statements to findings: terms say what is mentioned, cues around them whether it is asserted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ml.labeling.reading import Code, Finding, Reading, Statement, Status, by_precedence
from ml.labeling.statements import split
from ml.labeling.terms import Terms
from ml.labeling.tokens import Token, one_edit_apart, tokenize
from ml.labeling.vocabulary import CueKind, Vocabulary

FUZZY_FROM = 5  # shorter words are abbreviations: one letter changes what they mean


@dataclass(frozen=True)
class _Mention:
    """Labels mentioned by tokens `start` to `end`."""

    start: int
    end: int
    labels: tuple[str, ...]
    hedged: bool


@dataclass(frozen=True)
class _Cue:
    start: int
    end: int
    kind: CueKind


class Labeler:
    """Reads reports with one vocabulary. Holds nothing that a reading changes: threads may share it."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self._keys = tuple(label.key for label in vocabulary.labels)
        self._terms = Terms((term, rule) for rule in vocabulary.rules for term in rule.terms)
        self._cues: Terms[CueKind] = Terms((cue, kind) for kind, cues in vocabulary.cues.items() for cue in cues)
        self._ignored = Terms((line, True) for line in vocabulary.ignored_lines)
        infarction = vocabulary.infarction
        self._heads = frozenset(infarction.heads)
        self._fillers = frozenset(infarction.fillers)
        self._injury = frozenset(infarction.injury)
        targets = self._terms.words | set(infarction.territories) | self._heads
        self._known = targets | self._cues.words | self._fillers | self._injury
        self._fuzzy = sorted(word for word in targets if len(word) >= FUZZY_FROM and word.isalpha())
        self._corrected = lru_cache(maxsize=20_000)(self._correct)

    def read(self, text: str) -> Reading:
        """Read a report's text."""
        statements = tuple(split(text))
        mentions: list[Finding] = []
        overriding: list[bool] = []
        for statement in statements:
            for finding, corrects in self._read_statement(statement, text):
                mentions.append(finding)
                overriding.append(corrects)
        return Reading(self._keys, statements, by_precedence(self._keys, mentions, overriding))

    def read_codes(self, codes: Sequence[Code]) -> Reading:
        """Read coded statements; their text is the codes, one a line."""
        statements: list[Statement] = []
        mentions: list[Finding] = []
        start = 0
        for code in codes:
            statement = Statement(start, start + len(code.code), code.code)
            start = statement.end + 1
            statements.append(statement)
            labels = self.vocabulary.codes.get(code.system, {}).get(code.code, ())
            hedged = code.code in self.vocabulary.hedged_codes.get(code.system, ()) or (
                code.certainty is not None and code.certainty < self.vocabulary.uncertain_below
            )
            for label in (labels,) if isinstance(labels, str) else labels:
                status: Status = "uncertain" if hedged else "present"
                mentions.append(Finding(label, status, statement.start, statement.end, statement.text))
        findings = by_precedence(self._keys, mentions, [False] * len(mentions))
        return Reading(self._keys, tuple(statements), findings)

    def _correct(self, word: str) -> str:
        """Give the vocabulary's word for one with a typo."""
        if len(word) < FUZZY_FROM or word in self._known or not word.isalpha():
            return word
        near = [target for target in self._fuzzy if one_edit_apart(word, target)]
        return near[0] if len(near) == 1 else word

    def _read_statement(self, statement: Statement, text: str) -> Iterable[tuple[Finding, bool]]:
        tokens = tokenize(statement.text, statement.start)
        words = [self._corrected(token.word) for token in tokens]
        starts_ignored = any(match.start == 0 for match in self._ignored.find(words[:6]))
        if starts_ignored:
            return
        mentions = self._mentions(words)
        if not mentions:
            return
        taken = {i for mention in mentions for i in range(mention.start, mention.end)}
        cues = [
            _Cue(match.start, match.end, match.meaning)
            for match in self._cues.find(words)
            if not taken.intersection(range(match.start, match.end))
        ]
        for mention in mentions:
            status, cue, corrects = self._status(mention, mentions, cues, words)
            start, end = tokens[mention.start].start, tokens[mention.end - 1].end
            cue_text = _text_of(tokens, cue, text) if cue is not None else None
            for label in mention.labels:
                yield Finding(label, status, start, end, text[start:end], cue_text), corrects

    def _mentions(self, words: Sequence[str]) -> list[_Mention]:
        found = [
            _Mention(match.start, match.end, match.meaning.labels, match.meaning.status == "uncertain")
            for match in self._terms.find(words)
        ]
        covered = {i for mention in found for i in range(mention.start, mention.end)}
        found += [m for m in self._infarctions(words) if not covered.intersection(range(m.start, m.end))]
        return sorted((mention for mention in found if mention.labels), key=lambda mention: mention.start)

    def _infarctions(self, words: Sequence[str]) -> Iterable[_Mention]:
        """Find territories that a head follows (through fillers and other territories), or that follow a head."""
        territories = self.vocabulary.infarction.territories
        for i, word in enumerate(words):
            if word not in territories:
                continue
            head, hedged = self._head_after(words, i + 1)
            if head is None and not self._head_before(words, i):
                continue
            yield _Mention(i, i + 1, territories[word], hedged)

    def _head_after(self, words: Sequence[str], start: int) -> tuple[int | None, bool]:
        for i in range(start, min(start + 12, len(words))):
            if words[i] in self._heads:
                return i, False
            if words[i] in self._injury:
                return i, True
            if words[i] not in self._fillers and words[i] not in self.vocabulary.infarction.territories:
                break
        return None, False

    def _head_before(self, words: Sequence[str], start: int) -> bool:
        return start > 1 and words[start - 1] in {",", "of", "("} and words[start - 2] in self._heads

    def _status(
        self, mention: _Mention, mentions: Sequence[_Mention], cues: Sequence[_Cue], words: Sequence[str]
    ) -> tuple[Status, _Cue | None, bool]:
        before = self._reaching(mention, [c for c in cues if c.end <= mention.start], words)
        after = self._following(mention, [c for c in cues if c.start >= mention.end], words)
        by_kind = {cue.kind: cue for cue in [*after, *before]}
        for kind in ("correction_before", "correction_after"):
            if kind in by_kind:
                return "negated", by_kind[kind], True
        if "historical_before" in by_kind:
            return "historical", by_kind["historical_before"], False
        if "negation_after" in by_kind:
            return "negated", by_kind["negation_after"], False
        if "negation_before" in by_kind:
            return "negated", by_kind["negation_before"], False
        for kind in ("hedge_before", "hedge_after"):
            if kind in by_kind:
                return "uncertain", by_kind[kind], False
        if alternative := self._alternative(mention, mentions, cues):
            return "uncertain", alternative, False
        return ("uncertain" if mention.hedged else "present"), None, False

    def _reaching(self, mention: _Mention, cues: Sequence[_Cue], words: Sequence[str]) -> list[_Cue]:
        """Keep the cues before a mention that reach it: not past a comma, a break, or what ends them."""
        reaching: list[_Cue] = []
        for cue in reversed(cues):
            if cue.kind in ("not_negation", "presupposes", "break"):
                break
            if cue.kind == "historical_end":
                break
            between = words[cue.end : mention.start]
            if "," in between and cue.kind not in {"correction_before", "historical_before"}:
                break
            if ":" in between and cue.kind not in {"historical_before", "correction_before"}:
                break
            if cue.kind.endswith("_before"):
                reaching.append(cue)
        return list(reversed(reaching))

    def _following(self, mention: _Mention, cues: Sequence[_Cue], words: Sequence[str]) -> list[_Cue]:
        following: list[_Cue] = []
        for cue in cues:
            if cue.kind == "break":
                break
            between = words[mention.end : cue.start]
            if "," in between or ":" in between or len(between) > 8:
                break
            ends_clause = cue.end == len(words) or words[cue.end] in {",", ")", "("}
            if cue.kind == "hedge_before" and ends_clause:
                following.append(_Cue(cue.start, cue.end, "hedge_after"))
                break
            if cue.kind in ("hedge_before", "negation_before", "historical_before", "presupposes"):
                if cue.kind == "historical_before" and words[cue.start] in {"has", "have", "replaced", "replaces"}:
                    return []
                break
            if cue.kind in ("hedge_after", "negation_after", "correction_after"):
                following.append(cue)
                break
        return following

    def _alternative(self, mention: _Mention, mentions: Sequence[_Mention], cues: Sequence[_Cue]) -> _Cue | None:
        for cue in cues:
            if cue.kind != "alternative":
                continue
            left = [m for m in mentions if m.end <= cue.start and cue.start - m.end <= 3]
            right = [m for m in mentions if m.start >= cue.end and m.start - cue.end <= 3]
            if left and right and (mention in left or mention in right):
                return cue
        return None


def _text_of(tokens: Sequence[Token], cue: _Cue, text: str) -> str:
    return text[tokens[cue.start].start : tokens[cue.end - 1].end]
