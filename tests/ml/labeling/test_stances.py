"""What a report says of itself: it agrees with the machine's, or the tracing cannot be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.labeling import Masks, Stance, builtin_labeler, overread_masks
from ml.labeling.batch import row

LABELER = builtin_labeler()

AGREES = """\
Agree
Agree.
AGREE
I agree
Agreed
Agree with computer interpretation
Agree with computer interpretation.
Agree with the computer's interpretation
I agree with the above interpretation
I have reviewed the tracing and agree with the machine reading
No change from machine reading
No changes from computer interpretation
Confirmed as read
Reviewed and agree
Reviewed, agree
Concur
Concur with above
Agree with above.
As above
Computer interpretation confirmed
Machine reading is correct
Agree, but no LVH
Agree, but RBBB is incomplete
Agree except LVH
Agree with computer interpretation except for LVH
Agree with the computer interpretation, however LVH is not present
Agree with computer interpretation. Confirmed by Dr. X
Agree with automated ECG interpretation
Overread: agree with computer
Einverstanden
Einverstanden mit Computerbefund
Mit dem Computerbefund einverstanden
Stimme dem Computerbefund zu
Computerbefund bestätigt
Keine Änderung gegenüber Computerbefund
Befund bestätigt
Wie Computerbefund
Agree with machine
Agree w/ computer interpretation
Agree with ECG interpretation
Agree with reading
Accept computer interpretation
Computer reading confirmed, no changes
""".splitlines()

UNREADABLE = """\
ECG not interpretable due to artifact
Not interpretable
Uninterpretable
Uninterpretable ECG
Artifact precludes interpretation
Technically inadequate
Technically inadequate tracing
Lead reversal, please repeat
Lead reversal. Please repeat.
Limb lead reversal, suggest repeat ECG
Arm lead reversal - please repeat
Unable to interpret due to artifact
Tracing cannot be interpreted
Uninterpretable because of motion artifact
Baseline artifact precludes accurate interpretation. Repeat ECG.
Poor quality tracing, not interpretable
This ECG is unreadable
EKG nicht auswertbar
Nicht beurteilbar
Wegen Artefakten nicht auswertbar
Artefakte, EKG nicht auswertbar
Technisch unzureichend
Elektroden vertauscht, bitte wiederholen
Lead reversal, please repeat. Prior ECG showed AF.
Agree, tracing uninterpretable
Study is technically inadequate for interpretation
ECG is of insufficient quality for interpretation
No interpretation possible
Too much artifact to interpret
Befundung nicht möglich
""".splitlines()

READ = """\
Do not agree with computer interpretation
I do not agree
Disagree with computer interpretation
Agree with computer interpretation of atrial fibrillation
Agree with computer: AF
Agree with cardiology consult
Not confirmed
Sinus rhythm. ECG not interpretable for ischemia
ST segments not interpretable due to pacing
Rhythm not interpretable
LVH cannot be assessed
Artifact precludes diagnosis of LVH
No change from previous tracing
No significant change
Sinus rhythm
Poor data quality, interpretation may be adversely affected
SUSPECT ARM LEAD REVERSAL, INTERPRETATION ASSUMES NO REVERSAL
Confirmed by Dr. Miller
Reviewed by computer only
Nicht einverstanden mit Computerbefund
Stimme dem Computerbefund nicht zu
Lagetyp nicht beurteilbar
Sinus rhythm, lead reversal, please repeat
AF. Tracing otherwise uninterpretable
Limb lead reversal, sinus rhythm
Computer interpretation is not correct
Paced rhythm, not interpretable for ischemia
Agree with Dr. Smith
Unable to agree with computer interpretation
Agrees with prior tracing
Normal ECG. No changes needed in therapy
Infarct not confirmed
No changes
LVH
No LVH
""".splitlines()

MASK = st.integers(0, 2**13 - 1)


@pytest.mark.parametrize(
    ("text", "stance"),
    [
        (text, stance)
        for texts, stance in ((AGREES, "agrees"), (UNREADABLE, "unreadable"), (READ, "read"))
        for text in texts
    ],
)
def test_stance(text: str, stance: Stance) -> None:
    assert LABELER.read(text).stance == stance
    assert row(LABELER, LABELER.read(text)).stance == stance


@pytest.mark.parametrize("text", [*AGREES, *UNREADABLE])
def test_what_takes_a_stance_is_not_unmapped(text: str) -> None:
    stances = [LABELER.read(statement.text).stance for statement in LABELER.read(text).unmapped]
    assert set(stances) <= {"read"}


@pytest.mark.parametrize(
    ("text", "negated"), [("Agree except LVH", {"lvh"}), ("Agree, but no LVH", {"lvh"}), ("Agree.", set())]
)
def test_an_agreement_says_what_it_leaves_out(text: str, negated: set[str]) -> None:
    assert {finding.label for finding in LABELER.read(text).findings if finding.status == "negated"} == negated


@pytest.mark.parametrize("text", UNREADABLE)
def test_a_report_that_asserts_a_finding_was_read(text: str) -> None:
    assert LABELER.read(f"Sinus rhythm. {text}").stance == "read"
    assert LABELER.read(f"No LVH. {text}").stance == "unreadable"


@pytest.mark.parametrize("text", AGREES)
def test_unreadable_outweighs_agrees(text: str) -> None:
    asserts = LABELER.read(text).masks().present
    assert LABELER.read(f"{text}\nTracing not interpretable.").stance == ("read" if asserts else "unreadable")


@given(MASK, MASK, MASK, MASK)
def test_agreement_takes_the_machines_labels_but_for_those_it_names(a: int, b: int, c: int, d: int) -> None:
    machine = Masks(a, b & ~a, 0, 0)
    overread = Masks(c, 0, d & ~c, 0)
    taken = overread_masks("agrees", machine, overread)
    assert taken is not None
    assert taken.present == c | (a & ~(c | d))
    assert not taken.present & taken.uncertain
    assert not taken.present & taken.negated
    assert overread_masks("agrees", machine, Masks(0, 0, 0, 0)) == machine
    assert overread_masks("read", machine, overread) == overread
    assert overread_masks("unreadable", machine, overread) is None
