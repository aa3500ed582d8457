"""The bootstrap of `ml.evaluation.bootstrap` on a GPU: the same draws and the same numbers, many draws at a time."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from ml.evaluation.draws import Drawn, Patients
from ml.evaluation.metrics import CURVE_STEPS, Bools, Floats, check_finite
from ml.processes.read_ahead import read_ahead

_NUMBERS_AT_ONCE = 25_000_000  # rows × draws; a handful of such tensors are alive at a time


class _Ranked:
    """One label's rows sorted by falling score, and the first and last row of each score that a positive row has.

    Attributes
    ----------
    order, positive
        (counted rows,)
    starts, ends
        (thresholds,): the tie of threshold k is `order[starts[k]:ends[k]]`.
    """

    def __init__(self, scores: Tensor, positive: Tensor, counts: Tensor) -> None:
        rows = counts.nonzero()[:, 0]
        falling, order = (-scores[rows]).sort()
        self.order = rows[order]
        self.positive = positive[self.order]
        thresholds = falling[self.positive].unique()  # type: ignore[no-untyped-call]
        self.starts = torch.searchsorted(falling, thresholds)
        self.ends = torch.searchsorted(falling, thresholds, right=True)

    def measure(self, weights: Tensor, curves: bool) -> list[Tensor]:
        """Measure draws at once, `weights` (draws, n) int32: AUROC and AUPRC, (draws,); curves, (draws, 101)."""
        if not len(self.starts) or len(self.order) == int(self.positive.sum()):
            nothing = torch.full((len(weights), CURVE_STEPS + 1), torch.nan, dtype=torch.float64)
            return [nothing[:, 0], nothing[:, 0], nothing, nothing]
        ranked = weights[:, self.order]
        true = _summed(ranked * self.positive)
        false = _summed(ranked * ~self.positive)
        positives, negatives = true[:, -1:], false[:, -1:]
        before, true = true[:, self.starts], true[:, self.ends]
        above, false = false[:, self.starts], false[:, self.ends]
        p, tied = true - before, false - above
        precision = true / (true + false).clamp(min=1)
        auroc = 1 - (p * (false - tied / 2)).sum(1) / (positives * negatives)[:, 0]
        auprc = (p * precision).sum(1) / positives[:, 0]
        one_class = ((positives == 0) | (negatives == 0))[:, 0]
        measured = [auroc, auprc]
        if curves:
            steps = torch.arange(CURVE_STEPS + 1.0, dtype=torch.float64, device=weights.device)
            wanted = (steps * positives / CURVE_STEPS).ceil().clamp(min=1)
            at = torch.searchsorted(true.contiguous(), wanted).clamp(max=true.shape[1] - 1)
            curve = precision.gather(1, at)
            wanted = steps * negatives / CURVE_STEPS
            at = torch.searchsorted(false.contiguous(), wanted, right=True)
            whole = torch.where(at > 0, true.gather(1, (at - 1).clamp(min=0)), 0)
            k = at.clamp(max=true.shape[1] - 1)
            into = (wanted - above.gather(1, k)).clamp(min=0) / tied.gather(1, k).clamp(min=1)
            tpr = (whole + torch.where(at < true.shape[1], p.gather(1, k) * into, 0)) / positives
            measured += [tpr, curve]
        for values in measured:
            values[one_class] = torch.nan
        return measured


def _summed(values: Tensor) -> Tensor:
    """Return cumulative sums, (draws, n + 1) float64, beginning with 0."""
    sums = torch.cumsum(values, 1, dtype=torch.int32).double()
    return torch.nn.functional.pad(sums, (1, 0))


def bootstrap_on(
    scores: Floats, positive: Bools, counts: Bools, patients: Patients, *, draws: int, curves: bool, device: str
) -> Drawn:
    """Measure every label in every draw, as `ml.evaluation.bootstrap.bootstrap` does; on a torch device.

    The CPU draws the patients ahead of the device. Everything else is computed on the device.
    """
    check_finite(scores[counts], "scores")
    of_row, *columns = (torch.from_numpy(each).to(device) for each in (patients.of_row, scores, positive, counts))
    labels = [_Ranked(*(column[:, k] for column in columns)) for k in range(scores.shape[1])]
    result = Drawn.empty(draws, len(labels), curves)
    at_once = max(1, min(draws, _NUMBERS_AT_ONCE // max(1, len(scores))))

    def choose(numbers: range) -> Tensor:
        chosen = torch.empty((len(numbers), patients.count), dtype=torch.int64, pin_memory=device.startswith("cuda"))
        rows = chosen.numpy()
        list(pool.map(lambda place: np.copyto(rows[place], patients.chosen(numbers[place])), range(len(numbers))))
        return chosen

    parts = [range(first, min(first + at_once, draws)) for first in range(0, draws, at_once)]
    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        for numbers, chosen in zip(parts, read_ahead(parts, choose, ahead=1), strict=True):
            drawn = chosen.to(device)
            times = torch.zeros(drawn.shape, dtype=torch.int32, device=device)
            times.scatter_add_(1, drawn, torch.ones_like(times))
            weights = times[:, of_row]
            for k, label in enumerate(labels):
                measured = [values.cpu().numpy() for values in label.measure(weights, curves)]
                for place, values in zip(result, measured, strict=False):
                    if place is not None:
                        place[numbers.start : numbers.stop, k] = values
    return result
