"""CLIP: an ECG close to its own statement, far from those of other ECGs (paper, section 3 and Equation 3)."""

from ml.paradigms.contrastive import SECTIONS
from ml.paradigms.definition import BuildInputs, Built, Definition


def build(inputs: BuildInputs) -> Built:
    """Return the paradigm on the windows whose ECG has a statement of the source."""
    from ml.paradigms.contrastive_build import contrastive
    from ml.paradigms.losses.clip import ClipParadigm

    return contrastive(inputs, ClipParadigm)


DEFINITION = Definition(name="clip", title="CLIP", build=build, sections=SECTIONS, contrastive=True)
