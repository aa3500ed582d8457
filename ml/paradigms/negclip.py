"""NegCLIP: CLIP with hard negatives, the statements that only the machine makes (paper, section 3 and Equation 4)."""

from ml.paradigms.contrastive import SECTIONS
from ml.paradigms.definition import BuildInputs, Built, Definition


def build(inputs: BuildInputs) -> Built:
    """Return the paradigm on the windows whose ECG has a statement of the over-read."""
    from ml.paradigms.contrastive_build import contrastive
    from ml.paradigms.losses.negclip import NegClip

    return contrastive(inputs, NegClip)


DEFINITION = Definition(
    name="negclip",
    title="NegCLIP",
    build=build,
    sections=SECTIONS,
    contrastive=True,
    label_sources=("overread",),
    why_these_sources="it learns from over-reads; a statement that only the machine makes is its hard negative",
)
