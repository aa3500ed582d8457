"""Supervised learning of the labels of one source's reports (paper, section 3 and Equation 1)."""

from ml.paradigms.definition import BuildInputs, Built, Definition


def build(inputs: BuildInputs) -> Built:
    """Return the paradigm on the windows whose ECG has a report of the source."""
    from ml.paradigms.labelled import labelled
    from ml.paradigms.losses.supervised import Supervised

    model, labels, rows = labelled(inputs)
    return Built(Supervised(model, labels[rows]), rows)


DEFINITION = Definition(name="supervised", title="Supervised", build=build, linear_head=True)
