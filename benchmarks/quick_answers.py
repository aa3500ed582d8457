"""Milliseconds a window, by what computes it, and what integers change: docs/measurements/quick_answers.md.

    python -m benchmarks.quick_answers [--rounds 15] [--ptbxl FOLDER --bundle BUNDLE …]

Networks of each size with random weights are asked in turn, one window after the other, so that all wait for the same
machine: the ratios are of one run. With `--bundle` (ResNets trained on PTB-XL) macro AUROC on fold 8 of the real
ECGs in the PTB-XL folder is computed in float32 and in integers; ranges are observed on folds 1 to 6.
"""

import argparse
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ml.bundles.bundle import amend, read_manifest
from ml.bundles.network import encoder_of, of_bundle
from ml.evaluation.metrics import auroc_auprc
from ml.inference.engine import CORES, _OneByOne, one_thread
from ml.inference.predictor import Predictor
from ml.networks.beatnet import BEAT_PRESETS, BeatNet
from ml.networks.ecg import EcgNetwork
from ml.networks.onnx_graph import observe, session
from ml.networks.resnet1d import PRESETS
from ml.starter import BUNDLE
from ml.starter.ptbxl import read_examples

Windows = NDArray[np.float32]
OBSERVED, BULK = 128, 24
MIN_POSITIVES = 5


def walks(count: int) -> Windows:
    """Return random windows, each lead z-scored."""
    values = np.random.default_rng(0).standard_normal((count, 12, 2500)).cumsum(-1)
    scored: Windows = ((values - values.mean(-1, keepdims=True)) / values.std(-1, keepdims=True)).astype(np.float32)
    return scored


def ways(preset: str, windows: Windows) -> dict[str, Callable[[Windows], object]]:
    """Return what computes a window, by name, for a ResNet of this size."""
    torch.manual_seed(0)
    network = EcgNetwork(PRESETS[preset], 13).train()
    with torch.no_grad():
        network(torch.from_numpy(windows[:4]))
    network.eval()

    def eager(window: Windows) -> object:
        with torch.inference_mode():
            return network(torch.from_numpy(window[None]))

    floats, integers = session(network, 2500), session(network, 2500, observe(network, windows[:4]))
    return {"torch, float32": eager, "graph, float32": floats, "graph, 8-bit integers": integers}


def timed(asked: dict[str, Callable[[Windows], object]], windows: Windows, rounds: int) -> dict[str, list[float]]:
    """Return the milliseconds of each round, taken in turn."""
    times: dict[str, list[float]] = {name: [] for name in asked}
    for number in range(rounds + 1):
        for name, ask in asked.items():
            began = time.perf_counter()
            ask(windows[number % len(windows)])
            if number:  # the first is slower
                times[name].append(1000 * (time.perf_counter() - began))
    return times


def show_times(rounds: int) -> None:
    """Print the table of times."""
    windows = walks(8)
    print(f"{'':10}{'':24}{'median ms':>10}{'fastest ms':>12}{'ratio to torch':>16}")
    for preset in PRESETS:
        times = timed(ways(preset, windows), windows, rounds)
        first = np.array(times["torch, float32"])
        for name, each in times.items():
            ratio = np.median(np.array(each) / first)
            print(f"{preset:10}{name:24}{np.median(each):10.2f}{min(each):12.2f}{ratio:16.3f}", flush=True)
        bulk(preset, windows)
    show_starter(rounds)


def bulk(preset: str, windows: Windows) -> None:
    """Print how many windows a second a stack of them gets, in as many threads as there are cores."""
    ask = ways(preset, windows)["graph, 8-bit integers"]
    engine = _OneByOne(ask, threads=CORES)  # type: ignore[arg-type]
    stack = np.concatenate([windows] * (BULK // len(windows)))
    began, used = time.perf_counter(), time.process_time()
    engine(stack, np.arange(len(stack)))
    wall_s, cpu_s = time.perf_counter() - began, time.process_time() - used
    print(
        f"{preset:10}{'a stack, integers':24}{len(stack) / wall_s:10.0f} windows/s here,"
        f" {CORES * len(stack) / cpu_s:.0f} by the processor's own time on {CORES} cores"
    )


def show_starter(rounds: int) -> None:
    """Print the time of the starter model, alone and without its measurements."""
    predictor = Predictor(BUNDLE, "cpu")
    windows = walks(4)
    small = BeatNet(BEAT_PRESETS["starter_tiny"], 13).eval()

    def tiny(window: Windows) -> object:
        with torch.inference_mode():
            return small(torch.from_numpy(window[None]))

    asked: dict[str, Callable[[Windows], object]] = {
        "starter": lambda window: predictor.window_logits(window[None], np.arange(1)),
        "its measurements": tiny,
    }
    for name, each in timed(asked, windows, rounds).items():
        print(f"{'':10}{name:24}{np.median(each):10.2f}{min(each):12.2f}", flush=True)


def show_aurocs(ptbxl: Path, bundles: list[Path]) -> None:
    """Print macro AUROC on fold 8, in float32 and in integers."""
    examples = read_examples(ptbxl)
    held = np.flatnonzero(examples.folds == 8)
    enough = (examples.positive & examples.known)[held].sum(axis=0) >= MIN_POSITIVES
    observed = np.flatnonzero(examples.folds < 7)[:: max(1, int((examples.folds < 7).sum()) // OBSERVED)]
    for folder in bundles:
        manifest = read_manifest(folder)
        model = of_bundle(folder, manifest).eval()
        assert not isinstance(model, BeatNet)
        ranges = observe(encoder_of(model), examples.windows[observed])
        with tempfile.TemporaryDirectory() as place:
            plain = Path(place) / "bundle"
            _copy(folder, plain)
            said = {
                "float32": Predictor(plain, "cpu").window_logits(examples.windows, held),
                "integers": Predictor(plain, "cpu", ranges=ranges).window_logits(examples.windows, held),
            }
        macro = {
            name: auroc_auprc(logits, examples.positive[held], examples.known[held])[0][enough].mean()
            for name, logits in said.items()
        }
        moved = np.abs(said["float32"] - said["integers"])
        print(
            f"{manifest.preset}: macro AUROC over {int(enough.sum())} labels, {len(held)} ECGs:"
            f" {macro['float32']:.4f} in float32, {macro['integers']:.4f} in integers"
            f" ({macro['integers'] - macro['float32']:+.4f});"
            f" logits move by {np.median(moved):.3f} (median), {moved.max():.3f} at most"
        )


def _copy(folder: Path, to: Path) -> None:
    shutil.copytree(folder, to)
    amend(to, {"integers": None}, lambda complete: {})


def main() -> None:
    """Print what machine this is, the times, and the AUROCs where bundles are given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--ptbxl", type=Path)
    parser.add_argument("--bundle", type=Path, nargs="*", default=[])
    given = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, torch {torch.__version__}")
    with one_thread():
        if given.rounds:
            show_times(given.rounds)
        if given.ptbxl is not None:
            show_aurocs(given.ptbxl, given.bundle)


if __name__ == "__main__":
    main()
