"""The loss of CLIP and NegCLIP (paper, section 3, Equations 3 and 4)."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ml.networks.clip import Clip, WeightedTokens
from ml.networks.parts import in_parts
from ml.networks.text import Tokens
from ml.paradigms.captions import Captions, DrawnTexts, Pairs
from ml.paradigms.choices import Targets
from ml.paradigms.losses.bank import bank_loss
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
    """Return Equation 3, or with hard negatives Equation 4, of p pairs; 0 where there is no pair.

    The second sums of the equations run over s_ji as printed, which repeats the first sum. Here they are read as in
    CLIP: the denominator of a text runs over the ECGs. The targets differ in what they do with other texts in the batch
    that the ECG's report has too (`true`):

    - `diagonal`: they are negatives, as in the paper.
    - `masked`: they are left out of the denominators, in both directions.
    - `multi_positive`: they are positives too; the loss is the mean over the positives (Khosla et al. 2020).
    - `sigmoid`: each pair of ECG and text is classified (Zhai et al. 2023); `similarity` has the bias in it.

    Texts that follow from the labels without being in the report (`implied`) are neither positives nor negatives,
    except with `diagonal`, where they are negatives.

    Parameters
    ----------
    similarity
        (p, p): s_ij of ECG i and text j, temperature included; text i is ECG i's own.
    true
        (p, p) bool: the report of ECG i has text j; true on the diagonal.
    wrong
        (p, n): similarity of ECG i and hard negative n.
    wrong_of
        (p, n) bool: hard negative n is wrong for ECG i. Others are left out of the denominators.
    owner
        (n,): the index of the pair whose machine report has hard negative n.
    implied
        (p, p) bool: the report of ECG i does not have text j, but its labels show that it is true ("AF" for a report
        with "AF with rapid ventricular response").
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
    # a hard negative is in the denominator of its own pair's text, over all ECGs for which it is wrong
    of_text = wrong.logsumexp(dim=0).expand(pairs, -1)
    of_text = of_text.masked_fill(owner != torch.arange(pairs, device=owner.device)[:, None], -math.inf)
    by_ecg = torch.cat([others, wrong], dim=1).logsumexp(dim=1)
    by_text = torch.cat([others.T, of_text], dim=1).logsumexp(dim=1)
    numerator = torch.where(positive, similarity, 0)
    ecg_loss = by_ecg - numerator.sum(dim=1) / positive.sum(dim=1)
    text_loss = by_text - numerator.sum(dim=0) / positive.sum(dim=0)
    return (ecg_loss.mean() + text_loss.mean()) / 2


class _Compared(NamedTuple):
    """Embeddings of texts (m, d) and hard negatives (n, d), and which texts are true or implied of each ECG (p, m)."""

    texts: Tensor
    wrong: Tensor
    true: NDArray[np.bool_]
    implied: NDArray[np.bool_]


class ClipParadigm:
    """Equation 3. Each time an ECG is seen, one of its statements is drawn; with `bank`, all are its positives.

    The score is the cosine similarity.

    Parameters
    ----------
    captions
        The texts of each row of the training store.
    tokens
        The texts of the captions, tokenized.
    prompts
        The prompts of each label, tokenized, with their weights. A label's score is the similarity with their mean
        embedding.
    bank
        With the targets `bank`: the texts that every batch is compared with.
    parts
        In how many parts the ECGs and texts of a batch are encoded. They are compared all together.
    """

    hard_negatives = False

    def __init__(
        self,
        model: Clip,
        captions: Captions,
        tokens: Tokens,
        prompts: Sequence[WeightedTokens],
        *,
        targets: Targets = "diagonal",
        bank: NDArray[np.int64] | None = None,
        parts: int = 1,
    ) -> None:
        self.model = model
        self._captions, self._tokens, self._prompts = captions, tokens, prompts
        self._targets, self._bank, self._parts = targets, bank, parts

    def loss(self, batch: Batch) -> Outcome:
        """Return the loss of a batch. Windows without a text are left out.

        With several processes, embeddings and row indices are gathered, so that every ECG is compared with every text.
        Each process has the gradient of the whole loss with respect to its own embeddings.
        """
        with torch.no_grad():
            self.model.clamp_temperature()
        drawn, device = self._captions.draw(batch.rows, self.hard_negatives), batch.windows.device
        if len(drawn.places):
            windows = weak(batch.windows[on(device, drawn.places)])
            ecgs = in_parts(self.model, self.model.encode_ecgs, windows, self._parts)
        else:  # every weight needs a gradient: other processes wait for it
            ecgs = self.model.encode_ecgs(batch.windows[:1])[:0]
        pairs = Pairs.joined(distributed.all_gather_values(drawn.pairs()))
        compare = self._with_pairs if self._bank is None else self._with_bank
        compared = compare(drawn, pairs, device)
        wrong_of = on(device, self._captions.wrong_of(pairs.rows, pairs.wrong))
        ecgs = distributed.all_gather_rows(ecgs)
        scale = distributed.divide_gradient(self.model.scale())
        bias = 0.0 if self.model.bias is None else distributed.divide_gradient(self.model.bias)
        with torch.autocast(device.type, enabled=False):
            similarity, hard = (scale * ecgs @ each.T + bias for each in (compared.texts, compared.wrong))
            owner = on(device, pairs.owner)
            true, implied = on(device, compared.true), on(device, compared.implied)
            if self._bank is not None:
                loss = bank_loss(similarity, true, implied, wrong=hard, wrong_of=wrong_of, owner=owner)
            else:
                loss = clip_loss(
                    similarity, true, self._targets, wrong=hard, wrong_of=wrong_of, owner=owner, implied=implied
                )
        return Outcome(
            distributed.scale_for_sum(loss),
            {"temperature": 1 / scale.detach(), "hard_negatives": loss.new_full((), len(pairs.owner))},
        )

    def _with_pairs(self, drawn: DrawnTexts, pairs: Pairs, device: torch.device) -> "_Compared":
        """Return the drawn texts of the pairs of all processes, one a pair."""
        own, wrong = on(device, drawn.own), on(device, drawn.wrong)
        texts = self._encoded(drawn.texts if len(drawn.texts) else [0], device)
        true = self._captions.true(pairs.rows, pairs.own)
        return _Compared(
            distributed.all_gather_rows(texts[own]),
            distributed.all_gather_rows(texts[wrong]),
            true,
            self._captions.follow(pairs.rows, pairs.own) & ~true,
        )

    def _with_bank(self, drawn: DrawnTexts, pairs: Pairs, device: torch.device) -> "_Compared":
        """Return the bank with all texts that any process's batch has. Each process encodes them all."""
        numbers = np.unique(np.concatenate([self._bank, self._captions.all_of(pairs.rows), pairs.wrong]))
        texts = distributed.divide_gradient(self._encoded(numbers, device))
        true = self._captions.true(pairs.rows, numbers)
        return _Compared(
            texts,
            texts[on(device, np.searchsorted(numbers, pairs.wrong))],
            true,
            self._captions.follow(pairs.rows, numbers) & ~true,
        )

    def _encoded(self, numbers: Iterable[int], device: torch.device) -> Tensor:
        """Return the embeddings of some texts."""
        return in_parts(self.model, self.model.encode_texts, self._tokens.padded(numbers, device), self._parts)

    def logits(self, windows: Tensor) -> Tensor:
        """Return the cosine similarity with each label's prompts, (b, labels), from −1 to 1 (paper, section 5.1)."""
        return self.model.encode_ecgs(windows) @ self.label_embeddings(windows.device).T

    def label_embeddings(self, device: torch.device) -> Tensor:
        """Return the mean embedding of each label's prompts, a unit vector, (labels, d)."""
        return self.model.prompt_embeddings(self._prompts, device)


def on(device: torch.device, array: NDArray[Any]) -> Tensor:
    """Copy an array to the device."""
    return torch.from_numpy(array).to(device, non_blocking=True)
