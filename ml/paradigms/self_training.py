"""Self-training on labelled and unlabelled ECGs (paper, section 3 and Equation 2)."""

from typing import Annotated

from pydantic import Field

from ml.paradigms.choices import Mask
from ml.paradigms.definition import BuildInputs, Built, Definition, Section


class SelfTrainingOptions(Section):
    """FixMatch with soft targets (paper, Equation 2)."""

    weight: Annotated[float, Field(ge=0, le=100, description="λ")] = 1.0
    alpha: Annotated[float, Field(gt=0, le=1, description="The probability a pseudo-label must reach.")] = 0.95
    mask: Mask = "sample_max"
    batch_size: Annotated[
        Annotated[int, Field(ge=1, le=4096)] | None, Field(description="Unlabelled windows a step; unset: batch_size.")
    ] = None
    fraction: Annotated[
        float, Field(gt=0, le=1, description="Share of the unlabelled dataset (paper, appendix E).")
    ] = 1.0


def build(inputs: BuildInputs) -> Built:
    """Return the paradigm on the windows whose ECG has a report of the source."""
    from ml.paradigms.labelled import labelled
    from ml.paradigms.losses.self_training import SelfTraining

    options = inputs.section(SelfTrainingOptions)
    model, labels, rows = labelled(inputs)
    how = {"weight": options.weight, "alpha": options.alpha}
    return Built(SelfTraining(model, labels[rows], **how, mask=options.mask), rows)


DEFINITION = Definition(
    name="self_training",
    title="Self-training",
    build=build,
    sections={"self_training": SelfTrainingOptions},
    unlabelled=True,
)
