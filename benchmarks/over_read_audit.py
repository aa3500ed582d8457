"""Whether planted errors of over-reads are found, and whether a careful reader of hard ECGs counts as careless.

    python -m benchmarks.over_read_audit --ptbxl FOLDER [--seeds 10] [--simulated 1500] [--pairs 2000000]

Real ECGs are those of PTB-XL in FOLDER (folds 1-8) with their cardiologists' labels; simulated ones are the
simulator's. Of their known labels 3 % are turned around. The model that is asked is fitted to these wrong labels, by
five folds of patients: a ridge logistic regression on our measurements (`ml.measurements`), which is weaker than the
starter model and takes seconds. Then the flags of `ml.audit` are compared with what was turned around.

`evidence`: by evidence alone. `evidence × weight`: as the service orders them. `prune by noise rate`: confident
learning as Northcutt et al. 2021 publish it (section 3.2, off-diagonal counts by margin). `any`: the share of all
labels that is wrong, which is what a list in random order finds. `alike`: a harder plan, in which each label loses 3 %
of its assertions and gains as many wrong ones, so that a rare label is not mostly errors.
"""

import argparse
import csv
import platform
import resource
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import t as student

from app.reviews.lists.service import NUMBERS
from ml.archives.ptbxl import TABLE
from ml.audit.evidence import weigh
from ml.audit.learned import Learned, learn
from ml.audit.readers import rate_readers
from ml.audit.readings import Readings
from ml.corpus.simulator import simulate
from ml.labeling.weights import weight_of
from ml.measurements import measure
from ml.signals import preprocess
from ml.starter.ptbxl import LABELS, read_examples

Bools = NDArray[np.bool_]
Reals = NDArray[np.float64]

SHARE = 0.03  # of labels that are turned around
FOLDS = 5
COMPONENTS, PENALTY, STEPS = 200, 1500.0, 12  # of the regression
AT = (100, 200, 500)
BLOCK = 16_384  # readings, as the job reads them
READERS, HARD, TAKES, CARES = 8, 0.2, 0.8, 1 / 3  # the careful reader takes so much of the hardest ECGs, errs so little
WEIGHTS = np.array([NUMBERS[weight_of(key, None)] for key in LABELS])


class Ecgs(NamedTuple):
    """Measurements (n, m), labels (n, 13), which are known, and the patient of each ECG (n,)."""

    measured: Reals
    truth: Bools
    known: Bools
    patient: NDArray[np.int64]


def from_ptbxl(folder: Path) -> Ecgs:
    """Return the real ECGs."""
    examples = read_examples(folder)
    with (folder / TABLE).open(newline="", encoding="utf-8") as table:
        patients = {int(row["ecg_id"]): int(float(row["patient_id"])) for row in csv.DictReader(table)}
    measured = np.stack([measure(window).values for window in examples.windows]).astype(np.float64)
    patient = np.array([patients[int(ecg_id)] for ecg_id in examples.ecg_ids])
    return Ecgs(measured, examples.positive, examples.known, patient)


def from_simulator(number: int) -> Ecgs:
    """Return simulated ECGs, with what their signals show."""
    measured, truth, patients = [], [], []
    for ecg in simulate(number, seed=77):
        window = preprocess(ecg.recording.millivolts(), ecg.recording.sampling_rate_hz).values[0]
        measured.append(measure(window).values)
        truth.append([key in ecg.overread for key in LABELS])
        patients.append(ecg.patient_id)
    labels = np.array(truth)
    patient = np.unique(patients, return_inverse=True)[1]
    return Ecgs(np.stack(measured).astype(np.float64), labels, np.ones(labels.shape, bool), patient)


def inputs(measured: Reals) -> Reals:
    """Return the principal components of standardised measurements after a column of ones; no label is used."""
    scaled = np.clip(np.nan_to_num((measured - np.nanmean(measured, 0)) / (np.nanstd(measured, 0) + 1e-9)), -4, 4)
    left, size, _ = np.linalg.svd(scaled - scaled.mean(axis=0), full_matrices=False)
    return np.column_stack([np.ones(len(scaled)), (left * size)[:, :COMPONENTS]])


def fitted(x: Reals, positive: Bools) -> Reals:
    """Return the coefficients of a ridge logistic regression, by Newton's method."""
    weights = np.zeros(x.shape[1])
    share = (positive.sum() + 0.5) / (len(positive) + 1)
    weights[0] = np.log(share / (1 - share))
    penalty = np.full(len(weights), PENALTY)
    penalty[0] = 1e-3
    for _ in range(STEPS):
        p = expit(x @ weights)
        curvature = (x * (p * (1 - p) + 1e-6)[:, None]).T @ x + np.diag(penalty)
        weights -= np.linalg.solve(curvature, x.T @ (p - positive) + penalty * weights)
    return weights


def out_of_fold(x: Reals, ecgs: Ecgs, signed: Bools, rng: np.random.Generator) -> Reals:
    """Return the probability that an expert asserts each label, by models fitted to other patients' signed labels."""
    _, of_row = np.unique(ecgs.patient, return_inverse=True)
    fold = rng.permutation(of_row.max() + 1)[of_row] % FOLDS
    probability = np.full(signed.shape, np.nan)
    for own in range(FOLDS):
        for k in range(len(LABELS)):
            others = (fold != own) & ecgs.known[:, k]
            probability[fold == own, k] = expit(x[fold == own] @ fitted(x[others], signed[others, k]))
    return probability


def turned(ecgs: Ecgs, rng: np.random.Generator, plan: str) -> Bools:
    """Return which labels are signed wrongly."""
    if plan == "any":
        return (rng.random(ecgs.truth.shape) < SHARE) & ecgs.known
    wrong = np.zeros(ecgs.truth.shape, bool)
    for k in range(len(LABELS)):
        having, without = (np.flatnonzero(ecgs.known[:, k] & (ecgs.truth[:, k] == said)) for said in (True, False))
        number = rng.binomial(min(len(having), len(without)), SHARE)
        wrong[rng.choice(having, number, replace=False), k] = True
        wrong[rng.choice(without, number, replace=False), k] = True
    return wrong


def pruned_by_noise_rate(readings: Readings, learned: Learned) -> Reals:
    """Return an order of labels: of each label and error as many as the joint has, by margin; (n, labels)."""
    order = np.full(readings.asserted.shape, -np.inf)
    for k in range(len(LABELS)):
        for said, number in enumerate(np.nan_to_num(learned.errors[k])):
            rows = np.flatnonzero(readings.counts[:, k] & (readings.asserted[:, k] == said))
            margin = np.abs(readings.probability[rows, k] - said)
            first = np.argsort(-margin, kind="stable")[: round(number)]
            order[rows[first], k] = margin[first]
    return order


def precision(order: Reals, wrong: Bools) -> list[float]:
    """Return the share of the first flags that are wrong, for each of `AT`."""
    found = wrong.ravel()[np.argsort(-order.ravel(), kind="stable")]
    return [float(found[:number].mean()) for number in AT]


def planted(ecgs: Ecgs, x: Reals, seeds: Sequence[int], plan: str) -> None:
    """Print how many of the first flags are planted errors."""
    rows: dict[str, list[list[float]]] = {}
    shares, flags = [], []
    for seed in seeds:
        rng = np.random.default_rng([seed, len(plan)])
        wrong = turned(ecgs, rng, plan)
        signed = ecgs.truth ^ wrong
        readings = Readings.of(out_of_fold(x, ecgs, signed, rng), signed, ecgs.known)
        learned = learn(partial(list, [readings]), len(LABELS))
        evidence = weigh(readings, learned).probability
        orders = {
            "evidence": evidence,
            "evidence × weight": evidence * WEIGHTS,
            "prune by noise rate": pruned_by_noise_rate(readings, learned),
        }
        for name, order in orders.items():
            rows.setdefault(name, []).append(precision(order, wrong))
        shares.append(wrong.sum() / ecgs.known.sum())
        likely = evidence >= 0.5
        right = wrong[likely].mean() if likely.any() else np.nan
        flags.append((likely.sum(), right, evidence.sum() / wrong.sum()))
    number, right, estimated = np.nanmean(flags, axis=0)
    print(
        f"\n{len(ecgs.truth)} ECGs, plan {plan}: {np.mean(shares):.2%} of the known labels wrong; {len(seeds)} seeds."
    )
    print(f"Evidence of 0.5 and more: {number:.0f} flags, {right:.3f} right; all evidence adds up to {estimated:.2f} ×")
    print("the errors there are.\n")
    print("| order | " + " | ".join(f"first {at}" for at in AT) + " |")
    print("|---|" + "---|" * len(AT))
    for name, found in rows.items():
        print(f"| {name} | " + " | ".join(over_seeds([each[k] for each in found]) for k in range(len(AT))) + " |")


def over_seeds(values: Sequence[float]) -> str:
    """Return the mean over seeds, its 95 % interval (Student's t), and the worst."""
    mean, half = np.mean(values), 0.0
    if len(values) > 1:
        half = student.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    return f"{mean:.3f} ({max(0, mean - half):.3f}-{min(1, mean + half):.3f}), worst {min(values):.3f}"


def careful(ecgs: Ecgs, x: Reals, seeds: Sequence[int]) -> None:
    """Print how a careful reader of the hardest ECGs stands beside the others."""
    print(
        f"\n{len(ecgs.truth)} ECGs, {READERS} readers. One takes {TAKES:.0%} of the hardest {HARD:.0%} of the ECGs and"
    )
    print(f"errs in {SHARE * CARES:.1%} of labels, the others in {SHARE:.0%}. Place 1 is the best of {READERS}.\n")
    print(
        "| seed | against the model, careful / others | flags a reading, careful / others | flags / expected | place |"
    )
    print("|---|---|---|---|---|")
    for seed in seeds:
        rng = np.random.default_rng([seed, 99])
        clean = np.nan_to_num(out_of_fold(x, ecgs, ecgs.truth, rng))
        doubt = np.minimum(clean, 1 - clean).sum(axis=1)
        reader = rng.integers(2, READERS + 1, len(doubt))
        hard = doubt >= np.quantile(doubt, 1 - HARD)
        reader[hard & (rng.random(len(doubt)) < TAKES)] = 1
        share = np.where(reader == 1, SHARE * CARES, SHARE)[:, None]
        signed = ecgs.truth ^ ((rng.random(ecgs.truth.shape) < share) & ecgs.known)
        readings = Readings.of(out_of_fold(x, ecgs, signed, rng), signed, ecgs.known, reader=reader)
        rates = rate_readers(partial(list, [readings]), learn(partial(list, [readings]), len(LABELS)), READERS + 1)
        against = (((readings.probability > 0.5) != signed) & ecgs.known).sum(axis=1)
        plainly = np.bincount(reader, against)[1:] / rates.readings[1:]
        raw, ratio = rates.flagged[1:] / rates.readings[1:], rates.ratio[1:]
        interval = f"{ratio[0]:.2f} ({rates.low[1]:.2f}-{rates.high[1]:.2f})"
        beside = " | ".join(f"{each[0]:.3f} / {each[1:].mean():.3f}" for each in (plainly, raw))
        print(f"| {seed} | {beside} | {interval} | {1 + (ratio[1:] < ratio[0]).sum()} |")


def at_scale(pairs: int) -> None:
    """Print the time and memory of an audit's arithmetic on random readings, which are drawn again in each pass."""

    def blocks() -> Iterator[Readings]:
        for start in range(0, pairs, BLOCK):
            rng = np.random.default_rng([7, start])
            probability = rng.beta(0.2, 2.0, (min(BLOCK, pairs - start), len(LABELS)))
            signed = (rng.random(probability.shape) < probability) ^ (rng.random(probability.shape) < SHARE)
            yield Readings.of(probability, signed, reader=rng.integers(1, 101, len(signed)))

    began = time.process_time()
    for _ in blocks():
        pass
    drawing = time.process_time() - began
    learned = learn(blocks, len(LABELS))
    for block in blocks():
        weigh(block, learned)
    rate_readers(blocks, learned, 101)
    spent = time.process_time() - began - 6 * drawing  # it is drawn once above, and in five passes
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\n{pairs} random readings: {spent:.0f} s of one core in five passes, peak memory {peak:.0f} MiB")


def worlds(folder: Path | None, simulated: int) -> Iterator[tuple[str, Ecgs]]:
    """Yield what is measured on."""
    if folder is not None:
        yield "PTB-XL", from_ptbxl(folder)
    if simulated:
        yield "Simulator", from_simulator(simulated)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ptbxl", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--simulated", type=int, default=1500)
    parser.add_argument("--pairs", type=int, default=0, help="random readings, for time and memory alone")
    given = parser.parse_args()
    if given.pairs:
        at_scale(given.pairs)
    for name, ecgs in worlds(given.ptbxl, given.simulated):
        began = time.monotonic()
        print(f"\n## {name}")
        x, seeds = inputs(ecgs.measured), range(given.seeds)
        planted(ecgs, x, seeds, "any")
        planted(ecgs, x, seeds, "alike")
        careful(ecgs, x, range(min(given.seeds, 5)))
        print(f"\n{time.monotonic() - began:.0f} s, {platform.machine()}", flush=True)


if __name__ == "__main__":
    main()
