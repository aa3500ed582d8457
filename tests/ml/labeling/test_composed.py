"""Letters in other forms count as what they stand for; places are in the text as it was sent."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.labeling import builtin_labeler
from ml.labeling.composed import compose

LABELER = builtin_labeler()
TEXT = "Mögliche linksventrikuläre Hypertrophie. No left bundle branch block, atrial fibrillation"


def said(text: str) -> set[tuple[str, str]]:
    return {(finding.label, finding.status) for finding in LABELER.read(text).findings}


@pytest.mark.parametrize(
    "written",
    [
        unicodedata.normalize("NFD", TEXT),
        TEXT.replace("fi", "ﬁ").replace("fl", "ﬂ"),
        TEXT.translate({ord(letter): ord(letter) + 0xFEE0 for letter in "abcdefghijklmnopqrstuvwxyzLMNH"}),
        TEXT.replace("bun", "bun\u00ad").replace("Hyper", "Hyper\u00ad").replace("fi", "f\u200bi"),
    ],
    ids=["combining marks", "ligatures", "full width", "soft hyphens"],
)
def test_another_form_says_the_same_and_is_found_where_it_stands(written: str) -> None:
    reading = LABELER.read(written)
    assert said(written) == said(TEXT) == {("lvh", "uncertain"), ("lbbb", "negated"), ("afib", "present")}
    for part in (*reading.statements, *reading.findings):
        assert written[part.start : part.end] == part.text
    for finding in reading.findings:
        assert finding.cue is None or written[finding.cue_start : finding.cue_end] == finding.cue
    assert [LABELER.normal_form(s.text) for s in reading.statements] == [
        LABELER.normal_form(s.text) for s in LABELER.read(TEXT).statements
    ]


@given(st.text(alphabet=st.sampled_from("aﬁo\u0308\u0301Ａ，½²…\u00ad\u200b .º"), max_size=40))
def test_every_character_stands_for_a_stretch_of_the_text(text: str) -> None:
    composed = compose(text)
    if composed is None:
        return
    assert len(composed.text) == len(composed.starts) == len(composed.ends)
    assert composed.starts == sorted(composed.starts)
    for start, end in zip(composed.starts, composed.ends, strict=True):
        assert 0 <= start < end <= len(text)


@pytest.mark.parametrize("text", ["", "AF", "möglich", "QRS-Achse −45°, ½ mV, 3 m², º…"])
def test_a_text_that_is_composed_stays(text: str) -> None:
    assert compose(text) is None
