"""The loss of the target `bank`: each ECG with all of its statements against a bank of the corpus's."""

import math

import torch
from torch import Tensor


def bank_loss(
    similarity: Tensor, true: Tensor, implied: Tensor, *, wrong: Tensor, wrong_of: Tensor, owner: Tensor
) -> Tensor:
    """Return the loss of p ECGs and m distinct texts, in both directions, each the mean over its positives.

    An ECG's denominator has every text but those that only its labels say to be true; so what it denies, or does not
    say and does not imply, is a negative. A text's denominator has the batch's ECGs by the same rule; texts that no ECG
    of the batch has are negatives alone. 0 where there is no ECG.

    Parameters
    ----------
    similarity
        (p, m): s_ij of ECG i and text j, temperature included.
    true
        (p, m) bool: the report of ECG i has text j; at least one of each ECG.
    implied
        (p, m) bool: it does not, but its labels show that it is true.
    wrong, wrong_of, owner
        Hard negatives as in `ml.paradigms.losses.clip.clip_loss`: (p, n), (p, n), (n,). Each counts once more for every
        ECG of which it is wrong, and in the denominators of all texts that its own ECG has.
    """
    if not len(similarity):
        return similarity.sum()
    others = similarity.masked_fill(implied, -math.inf)
    wrong = wrong.masked_fill(~wrong_of, -math.inf)
    said = true.any(dim=0)
    of_text = wrong.logsumexp(dim=0).expand(int(said.sum()), -1).masked_fill(~true[owner][:, said].T, -math.inf)
    by_ecg = torch.cat([others, wrong], dim=1).logsumexp(dim=1)
    by_text = torch.cat([others[:, said].T, of_text], dim=1).logsumexp(dim=1)
    numerator = torch.where(true, similarity, 0)
    ecg_loss = by_ecg - numerator.sum(dim=1) / true.sum(dim=1)
    text_loss = by_text - numerator.sum(dim=0)[said] / true.sum(dim=0)[said]
    return (ecg_loss.mean() + text_loss.mean()) / 2
