"""A classical machine's reading: scores, findings, and statements with the measurements that say so."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ml.formats.recording import Reason, Recording
from ml.measurements import find_beats
from ml.rules.evidence import evidence_of, without_baseline
from ml.rules.quality import bad_leads, no_rhythm
from ml.rules.rule import Sex, words
from ml.rules.rule_book import Cut, rule_book
from ml.signals import Preprocessing, Unusable, millivolt_windows

UNDETERMINED = "Undetermined rhythm"
_RHYTHMS = {"sinus_rhythm", "afib", "aflutter"}


@dataclass(frozen=True)
class RuleStatement:
    """A statement, the label it asserts (None: none), and the measurements that say so."""

    text: str
    label: str | None = None
    because: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.text} ({', '.join(self.because)})" if self.because else self.text


@dataclass(frozen=True)
class RuleReading:
    """What the rules say of ten seconds of an ECG.

    Attributes
    ----------
    version
        Of the rules.
    not_readable
        Why nothing is said; empty where the ECG is read.
    scores
        The margin of each label's rule: 0 is the textbook's threshold. NaN: what it asks is not known.
    statements
        In the order of the labels, rhythm first.
    evidence
        The measurements, by name; NaN: not known.
    """

    version: str
    not_readable: tuple[Reason, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    statements: tuple[RuleStatement, ...] = ()
    evidence: Mapping[str, float] = field(default_factory=dict)

    @property
    def findings(self) -> frozenset[str]:
        """The labels that are said."""
        return frozenset(each.label for each in self.statements if each.label is not None)

    @property
    def text(self) -> str:
        """The report: a statement a line. Of an ECG that is not readable it says so, and why."""
        if self.not_readable:
            return f"Not readable: {'; '.join(reason.detail for reason in self.not_readable)}"
        return "\n".join(map(str, self.statements))


def read(recording: Recording, *, sex: Sex = "unknown", cut: Cut = "textbook") -> RuleReading:
    """Return the reading of a recording's first ten seconds that have a signal. Any recording is answered.

    Parameters
    ----------
    recording
        Where its scale is not known, no voltage is measured.
    sex
        Some thresholds depend on it.
    cut
        The thresholds: the textbooks', or those that agree best with PTB-XL's experts.
    """
    try:
        window = next(millivolt_windows(recording.millivolts(), recording.sampling_rate_hz, Preprocessing()))
    except Unusable as unusable:
        return RuleReading(rule_book().version, tuple(unusable.reasons))
    return read_window(without_baseline(window), millivolts=recording.scale_known, sex=sex, cut=cut)


def read_window(
    window: NDArray[np.floating], *, millivolts: bool, sex: Sex = "unknown", cut: Cut = "textbook"
) -> RuleReading:
    """Return the reading of a window, (12, n) at 250 Hz without what is slower than 0.5 Hz; n is at most 2500.

    `millivolts`: the leads' sizes are known; else they are z-scored, and voltages are not measured.
    """
    book = rule_book()
    signal = np.asarray(window, np.float64)
    if reasons := bad_leads(signal):
        return RuleReading(book.version, reasons)
    beats = find_beats(signal)
    if reasons := no_rhythm(beats):
        return RuleReading(book.version, reasons)
    evidence = evidence_of(signal, beats, millivolts=millivolts)
    scores = book.score(evidence, sex)
    statements = []
    for rule in book.rules:
        score = scores[rule.label]
        if not math.isnan(score) and score >= rule.cuts[cut]:
            text = rule.text(evidence, sex)
            statements.append(RuleStatement(text, rule.label, words(rule.rule, evidence, sex)))
    if not _RHYTHMS & {each.label for each in statements}:
        statements.insert(0, RuleStatement(UNDETERMINED))
    return RuleReading(book.version, (), scores, tuple(statements), evidence)
