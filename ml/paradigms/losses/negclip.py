"""The loss of NegCLIP: CLIP with hard negatives (paper, section 3 and Equation 4)."""

from ml.paradigms.losses.clip import ClipParadigm


class NegClip(ClipParadigm):
    """Equation 4. All statements that only the machine makes of the batch's ECGs are hard negatives.

    Each is in the denominator of every ECG of the batch for which it is wrong (`Captions.wrong_of`).
    """

    hard_negatives = True
