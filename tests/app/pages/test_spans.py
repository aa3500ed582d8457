"""A text is cut where its findings and their cues begin and end: every character once, with all that stands on it."""

from hypothesis import given
from hypothesis import strategies as st

from app.pages.spans import spans
from app.reports.schemas import FindingOut

PLACES = st.tuples(st.integers(0, 12), st.integers(0, 12)).map(sorted)


@st.composite
def findings(draw: st.DrawFn) -> list[FindingOut]:
    made = []
    for number in range(draw(st.integers(0, 5))):
        (start, end), cue = draw(PLACES), draw(st.none() | PLACES)
        cue_start, cue_end = cue or (None, None)
        made.append(
            FindingOut(
                label=f"label_{number}",
                status="present",
                start=start,
                end=end,
                text="",
                cue=None,
                cue_start=cue_start,
                cue_end=cue_end,
            )
        )
    return made


@given(text=st.text(max_size=12), found=findings(), cues=st.booleans())
def test_every_character_has_what_stands_on_it(text: str, found: list[FindingOut], cues: bool) -> None:
    made = list(spans(text, found, cues=cues))
    assert "".join(span.text for span in made) == text
    at = 0
    for span in made:
        for place in range(at, at + len(span.text)):
            here = {each.label for each in found if each.start <= place < each.end}
            cued = {
                each.label
                for each in found
                if cues
                and each.cue_start is not None
                and each.cue_end is not None
                and each.cue_start <= place < each.cue_end
            }
            assert ({each.label for each in span.found}, {each.label for each in span.cued}) == (here, cued)
        at += len(span.text)
