"""NegCLIP: CLIP, and what only the machine said is wrong of that ECG (paper, section 3 and Equation 4)."""

from ml.paradigms.losses.clip import ClipParadigm


class NegClip(ClipParadigm):
    """Equation 4: machine-only statements of the batch's ECGs stand in the denominators as hard negatives.

    All of them, each for every ECG of the batch of which it is not true (`Captions.wrong_of`).
    """

    hard_negatives = True
