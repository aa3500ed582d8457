"""Self-training: FixMatch with soft targets (paper, section 3 and Equation 2; Sohn et al. 2020)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from ml.paradigms.choices import Mask
from ml.paradigms.losses.supervised import positive_weights, supervised_loss
from ml.paradigms.paradigm import Batch, Labels, Outcome
from ml.signals.augmentation import strong, weak


def confident(pseudo: Tensor, alpha: float, mask: Mask) -> Tensor:
    """Return which pseudo-labels (u, labels) are used.

    The paper's text masks whole samples by their largest probability (`sample_max`); its Equation 2 masks each class by
    its own (`class_positive`), which uses almost no negative pseudo-labels. `class_two_sided` also uses probabilities
    of at most 1 − α.
    """
    sure = pseudo >= alpha
    if mask == "sample_max":
        return sure.any(dim=1, keepdim=True).expand_as(sure)
    return sure if mask == "class_positive" else sure | (pseudo <= 1 - alpha)


def unsupervised_loss(weak_logits: Tensor, strong_logits: Tensor, alpha: float, mask: Mask) -> tuple[Tensor, Tensor]:
    """Return Equation 2's second term, and the share of samples that each label's mask kept, (labels,).

    The mean is over all samples and labels, whether masked or not. No gradient flows through the pseudo-labels.

    Parameters
    ----------
    weak_logits, strong_logits
        (u, labels): two views of the same windows; any precision, the loss is in float32.
    """
    pseudo = torch.sigmoid(weak_logits.detach().float())
    kept = confident(pseudo, alpha, mask)
    each = functional.binary_cross_entropy_with_logits(strong_logits.float(), pseudo, reduction="none")
    return (each * kept).sum() / max(1, each.numel()), kept.float().sum(dim=0) / max(1, len(kept))


class SelfTraining:
    """Equation 1 on labelled windows and λ times Equation 2's second term on unlabelled ones."""

    def __init__(
        self, model: nn.Module, labels: Labels, *, weight: float = 1.0, alpha: float = 0.95, mask: Mask = "sample_max"
    ) -> None:
        if not 0 < alpha <= 1 or weight < 0:
            raise ValueError(f"a threshold in (0, 1] and a weight of 0 or more: {alpha}, {weight}")
        self.model = model
        self._weights = torch.from_numpy(positive_weights(labels))
        self._weight, self._alpha, self._mask = weight, alpha, mask

    def loss(self, batch: Batch) -> Outcome:
        """Return the loss of labelled and unlabelled windows, all views in one forward pass.

        One pass, so that batch normalisation sees one distribution.
        """
        assert batch.unlabelled is not None
        self._weights = self._weights.to(batch.positive.device)  # copied in the first step alone
        labelled, unlabelled = len(batch.windows), len(batch.unlabelled)
        views = [weak(batch.windows), weak(batch.unlabelled), strong(batch.unlabelled)]
        logits, weak_logits, strong_logits = self.model(torch.cat(views)).split([labelled, unlabelled, unlabelled])
        supervised = supervised_loss(logits, batch.positive, batch.counts, self._weights)
        unsupervised, mask_rate = unsupervised_loss(weak_logits, strong_logits, self._alpha, self._mask)
        logged = {"supervised_loss": supervised, "unsupervised_loss": unsupervised, "mask_rate": mask_rate}
        return Outcome(
            supervised + self._weight * unsupervised, {name: value.detach() for name, value in logged.items()}
        )

    def logits(self, windows: Tensor) -> Tensor:
        """Return the logits of the network."""
        logits: Tensor = self.model(windows)
        return logits
