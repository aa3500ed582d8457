"""CLIP: an ECG beside its own statement, apart from those of others (paper, section 3 and Equation 3)."""

import math
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ml.networks.clip import Clip
from ml.networks.text import Tokens
from ml.paradigms.captions import Captions, Pairs
from ml.paradigms.choices import Targets
from ml.paradigms.paradigm import Batch, Outcome
from ml.processes import distributed
from ml.signals.augmentation import weak


def clip_loss(
    similarity: Tensor,
    true: Tensor,
    targets: Targets = "diagonal",
    *,
    wrong: Tensor | None = None,
    wrong_of: Tensor | None = None,
    owner: Tensor | None = None,
    implied: Tensor | None = None,
) -> Tensor:
    """Give Equation 3, or with hard negatives Equation 4, of p pairs; 0 where there is no pair.

    The equations' second sums run over s_ji as printed, which is the first sum again; read as in CLIP, a text's
    denominator runs over the ECGs. Targets other than `diagonal` know what else is true:

    - `masked`: what is said of an ECG beside its own statement leaves the denominators, in both directions.
    - `multi_positive`: it is a positive too; an ECG's loss is the mean over its positives (Khosla et al. 2020).
    - `sigmoid`: each ECG and text is a question of its own (Zhai et al. 2023); `similarity` has its bias in it.

    What is implied of an ECG but not said is asked by none of the three.

    Parameters
    ----------
    similarity
        (p, p): s_ij of ECG i and text j, temperature included; text i is ECG i's own.
    true
        (p, p) bool: text j is said of ECG i; true on the diagonal.
    wrong
        (p, n): ŝ of ECG i and hard negative n.
    wrong_of
        (p, n) bool: hard negative n is wrong of ECG i. What is not leaves the denominators.
    owner
        (n,): the pair whose machine report has hard negative n; it is wrong of that pair's ECG.
    implied
        (p, p) bool: text j is not said of ECG i, but its labels say that it is true ("AF" of one with "AF with rapid
        ventricular response").
    """
    pairs = len(similarity)
    if not pairs:
        return similarity.sum()
    own = torch.eye(pairs, dtype=torch.bool, device=similarity.device)
    if wrong is None or wrong_of is None or owner is None:
        wrong, wrong_of = similarity.new_zeros(pairs, 0), true.new_zeros(pairs, 0)
        owner = torch.zeros(0, dtype=torch.long, device=similarity.device)
    aside = torch.zeros_like(own) if implied is None or targets == "diagonal" else implied
    if targets == "sigmoid":
        each = functional.softplus(torch.where(true, -similarity, similarity)) * ~aside
        return (each.sum() + (functional.softplus(wrong) * wrong_of).sum()) / pairs
    positive = true if targets == "multi_positive" else own
    if targets == "masked":
        aside = aside | (true & ~own)
    others = similarity.masked_fill(aside, -math.inf)
    wrong = wrong.masked_fill(~wrong_of, -math.inf)
    # a hard negative stands in its own pair's text denominator, over all ECGs of which it is wrong
    of_text = wrong.logsumexp(dim=0).expand(pairs, -1)
    of_text = of_text.masked_fill(owner != torch.arange(pairs, device=owner.device)[:, None], -math.inf)
    by_ecg = torch.cat([others, wrong], dim=1).logsumexp(dim=1)
    by_text = torch.cat([others.T, of_text], dim=1).logsumexp(dim=1)
    numerator = torch.where(positive, similarity, 0)
    ecg_loss = by_ecg - numerator.sum(dim=1) / positive.sum(dim=1)
    text_loss = by_text - numerator.sum(dim=0) / positive.sum(dim=0)
    return (ecg_loss.mean() + text_loss.mean()) / 2


class ClipParadigm:
    """Equation 3, an ECG's statement drawn anew each time it is seen; its score is the cosine similarity.

    Parameters
    ----------
    captions
        What is said of each row of the training store.
    tokens
        The captions' texts, tokenised.
    prompts
        For each label its prompts, tokenised: a label's score is the similarity with their mean.
    """

    hard_negatives = False

    def __init__(
        self, model: Clip, captions: Captions, tokens: Tokens, prompts: list[Tokens], *, targets: Targets = "diagonal"
    ) -> None:
        self.model = model
        self._captions, self._tokens, self._prompts, self._targets = captions, tokens, prompts, targets

    def loss(self, batch: Batch) -> Outcome:
        """Give the loss of a batch; windows of which nothing is said take no part in it.

        Across processes every ECG meets every text: embeddings and row numbers are gathered, and each process gives
        the gradient of the whole loss with respect to its own embeddings.
        """
        with torch.no_grad():
            self.model.clamp_temperature()
        drawn, device = self._captions.draw(batch.rows, self.hard_negatives), batch.windows.device
        own, wrong, places = (on(device, each) for each in (drawn.own, drawn.wrong, drawn.places))
        if len(drawn.places):
            ecgs = self.model.encode_ecgs(weak(batch.windows[places]))
            texts = self.model.encode_texts(self._tokens.padded(drawn.texts, device))
        else:  # every weight has a gradient all the same: other processes wait for it
            ecgs = self.model.encode_ecgs(batch.windows[:1])[:0]
            texts = self.model.encode_texts(self._tokens.padded([0], device))[:0]
        pairs = Pairs.joined(distributed.all_gather_values(drawn.pairs()))
        true = self._captions.true(pairs.rows, pairs.own)
        implied = None
        if self._targets != "diagonal":  # the paper's do not ask
            implied = on(device, self._captions.follow(pairs.rows, pairs.own) & ~true)
        wrong_of = on(device, self._captions.wrong_of(pairs.rows, pairs.wrong))
        ecgs, said, unsaid = (distributed.all_gather_rows(each) for each in (ecgs, texts[own], texts[wrong]))
        scale = distributed.divide_gradient(self.model.scale())
        bias = 0.0 if self.model.bias is None else distributed.divide_gradient(self.model.bias)
        with torch.autocast(device.type, enabled=False):
            similarity, hard = (scale * ecgs @ each.T + bias for each in (said, unsaid))
            owner = on(device, pairs.owner)
            loss = clip_loss(
                similarity,
                on(device, true),
                self._targets,
                wrong=hard,
                wrong_of=wrong_of,
                owner=owner,
                implied=implied,
            )
        return Outcome(
            distributed.scale_for_sum(loss),
            {"temperature": 1 / scale.detach(), "hard_negatives": loss.new_full((), len(pairs.owner))},
        )

    def logits(self, windows: Tensor) -> Tensor:
        """Cosine similarity with each label's prompts, (b, labels), from −1 to 1 (paper, section 5.1)."""
        return self.model.encode_ecgs(windows) @ self.label_embeddings(windows.device).T

    def label_embeddings(self, device: torch.device) -> Tensor:
        """Give each label's mean of its prompts, of length one, (labels, d)."""
        return self.model.prompt_embeddings(self._prompts, device)


def on(device: torch.device, array: NDArray[Any]) -> Tensor:
    """Bring an array to the device."""
    return torch.from_numpy(array).to(device, non_blocking=True)
