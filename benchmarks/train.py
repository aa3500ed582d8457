"""How fast training goes: windows a second by preset and paradigm, beside a plain loop in the same run.

    python -m benchmarks.train                    # what this machine has: its GPU, else its CPU
    python -m benchmarks.train --presets laptop test --seconds 10
    python -m benchmarks.train --layouts 9        # on a CPU: images of height 1, bf16, and both beside neither

On a GPU it also measures the card's bf16 matrix peak and says which share of it the encoder reaches (three times the
forward pass's operations a window: forward, and backward with respect to inputs and weights). The plain loop is what a
script does: float32, eager, a `DataLoader`, no augmentation. Windows are noise, statements are drawn from a short list;
neither changes the speed. Each figure is the median of its steps after some that do not count. On a CPU the clock is
that of the process and one thread runs, so that whatever else the machine does slows no figure.
"""

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import figures
from ml.corpus.statements import Statement
from ml.corpus.store import Store, StoreWriter
from ml.networks.clip import Clip
from ml.networks.ecg import EcgNetwork
from ml.networks.resnet1d import PRESETS as NETWORKS
from ml.networks.resnet1d import image_of
from ml.paradigms.losses.clip import ClipParadigm
from ml.paradigms.registry import PARADIGMS
from ml.processes.read_ahead import read_ahead
from ml.signals import Preprocessing
from ml.training.configuration import Config
from ml.training.loop import Training
from ml.training.memory import keep_freed_memory
from ml.training.precision import autocast, has_bf16

LABELS = [(f"label{k}", f"Label {k}") for k in range(13)]
SAID = [Statement(f"finding number {k} of some length, age undetermined", 1 << (k % 13)) for k in range(60)]
WARM_UP = 2
PAPER_WINDOWS = 1_280_000 * 100  # 64 % of two million ECGs, a hundred epochs
CPU_BATCH = {"resnet50": 16, "small": 64, "tiny": 64}  # a batch of 512 of the paper's network is minutes on a CPU


class Silent:
    """Nobody listens."""

    def say(self, event: str, **payload: Any) -> None:
        """Hear nothing."""


def make_store(folder: Path, windows: int) -> Path:
    """Write a store of noise with statements."""
    rng = np.random.default_rng(0)
    with StoreWriter(folder, LABELS, Preprocessing().to_dict()) as writer:
        for number in range(windows):
            said = {f"{source}_statements": list(rng.choice(len(SAID), 4, False)) for source in ("overread", "machine")}
            row: dict[str, Any] = {"ecg_id": str(number), "start_s": 0.0, "patient": str(number)}
            row |= {name: [SAID[k] for k in numbers] for name, numbers in said.items()}
            row |= {f"{source}_present": int(rng.integers(1 << 13)) for source in ("overread", "machine")}
            row |= {f"{source}_uncertain": 0 for source in ("overread", "machine")}
            writer.append(rng.standard_normal((1, 12, 2500), np.float32), [row])
        writer.finish(0, (0.9, 0.05, 0.05))
    return folder


def synchronise() -> None:
    """Wait for the device: a step has ended when its last kernel has."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def median_s(step: Callable[[], object], seconds: float) -> float:
    """Give the median time of a step, over at least three and about `seconds`."""
    for _ in range(WARM_UP):
        step()
    times: list[float] = []
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    while len(times) < 3 or sum(times) < seconds:
        synchronise()
        began = clock()
        step()
        synchronise()
        times.append(clock() - began)
    return statistics.median(times)


def forever(training: Training) -> Callable[[], None]:
    """Give one step of a run: reading its windows, and the step."""

    def steps() -> Any:
        epoch = 0
        while True:
            whole = (parts for parts in training.order.epoch(epoch) if sum(len(p.rows) for p in parts) == batch)
            yield from read_ahead(whole, training._read)
            epoch += 1

    batch = training.config.batch_size
    source = steps()
    training.model.train()

    def step() -> None:
        training._step(*next(source))

    return step


def batch_size(paradigm: str, preset: str, store: Path) -> int:
    """Give the preset's batch, or what of it a CPU does in seconds."""
    given = {"unlabelled": store} if paradigm == "self_training" else {}
    config = Config.model_validate({"dataset": store, "paradigm": paradigm, "preset": preset, **given})
    return config.batch_size if torch.cuda.is_available() else min(config.batch_size, CPU_BATCH[config.encoder])


def train(paradigm: str, preset: str, store: Path, folder: Path, options: argparse.Namespace) -> tuple[float, float]:
    """Give windows a second of our loop, and the text tower's share of a step."""
    config: dict[str, Any] = {"dataset": str(store), "paradigm": paradigm, "preset": preset}
    if paradigm == "self_training":
        config["unlabelled"] = str(store)
    config["batch_size"] = batch_size(paradigm, preset, store)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    training = Training(folder, Silent())  # type: ignore[arg-type]
    took = median_s(forever(training), options.seconds)
    text = 0.0
    if isinstance(training.paradigm, ClipParadigm):
        text = median_s(lambda: text_step(training), options.seconds / 2) / took
    return config["batch_size"] / took, text


def text_step(training: Training) -> None:
    """Forward and backward of the text tower alone, on a batch's distinct statements."""
    paradigm, model = training.paradigm, training.model
    assert isinstance(paradigm, ClipParadigm) and isinstance(model, Clip)
    rows = training.train_rows[: training.config.batch_size]
    drawn = paradigm._captions.draw(rows, paradigm.hard_negatives)
    with autocast(training.config, training.device):
        model.encode_texts(paradigm._tokens.padded(drawn.texts, training.device)).sum().backward()  # type: ignore[no-untyped-call]


class Plain(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """A store's windows as a script would read them."""

    def __init__(self, store: Store) -> None:
        self._windows, self._labels = store.windows, store.targets("overread", "positive")[0]

    def __len__(self) -> int:
        return len(self._windows)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.from_numpy(self._windows[row].astype(np.float32)), torch.from_numpy(self._labels[row])


def plain(encoder: str, batch: int, store: Path, options: argparse.Namespace) -> float:
    """Give windows a second of a plain eager float32 loop with a DataLoader."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_float32_matmul_precision("highest")
    model = EcgNetwork(NETWORKS[encoder], len(LABELS)).to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    workers = min(8, torch.get_num_threads()) if device.type == "cuda" else 0
    loader = DataLoader(Plain(Store(store)), batch, shuffle=True, drop_last=True, num_workers=workers)
    batches = iter(loader)

    def step() -> None:
        nonlocal batches
        try:
            windows, labels = next(batches)
        except StopIteration:
            batches = iter(loader)
            windows, labels = next(batches)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(model(windows.to(device)), labels.to(device))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return batch / median_s(step, options.seconds)


def layouts(encoder: str, batch: int, rounds: int) -> dict[str, float]:
    """Give windows a second of a step on a CPU, by layout and precision, measured in turn."""
    keep_freed_memory()
    model = EcgNetwork(NETWORKS[encoder], len(LABELS)).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    windows, labels = torch.randn(batch, 12, 2500), torch.randint(2, (batch, len(LABELS))).float()

    def step(as_images: bool, half: bool) -> float:
        began = time.process_time()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            features = model.encoder(image_of(windows) if as_images else windows)
            logits = model.head(features.flatten(2).mean(dim=-1)).float()
        torch.nn.functional.binary_cross_entropy_with_logits(logits, labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return time.process_time() - began

    kinds = {"plain": (False, False), "channels last": (True, False), "bf16": (False, True), "both": (True, True)}
    times: dict[str, list[float]] = {name: [] for name in kinds}
    for round_ in range(rounds + 1):
        for name, kind in kinds.items():
            took = step(*kind)
            times[name] += [took] if round_ else []  # the first does not count
    return {name: batch / statistics.median(each) for name, each in times.items()}


def print_layouts(rounds: int, options: argparse.Namespace) -> None:
    """Measure and print what layout and precision give on a CPU."""
    print(
        f"bf16 in hardware: {'yes' if has_bf16(torch.device('cpu')) else 'no'}; windows/s, {rounds} steps each in turn"
    )
    for encoder, batch in CPU_BATCH.items():
        rates = layouts(encoder, batch, rounds)
        figures.keep(options, encoder=encoder, batch=batch, **{name: round(rate, 1) for name, rate in rates.items()})
        said = ", ".join(f"{name} {rate:.0f} ({rate / rates['plain']:.2f} ×)" for name, rate in rates.items())
        print(f"{encoder:<10}batch {batch}: {said}", flush=True)


def forward_operations(encoder: str) -> int:
    """Count multiplications and additions of one window's forward pass."""
    model = EcgNetwork(NETWORKS[encoder], len(LABELS)).eval()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model(torch.zeros(1, 12, 2500))
    return int(counter.get_total_flops())


def one_window_ms(encoder: str, seconds: float) -> float:
    """Give the time of one window's inference, in milliseconds."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = EcgNetwork(NETWORKS[encoder], len(LABELS)).to(device).eval()
    window = torch.zeros(1, 12, 2500, device=device)
    with torch.inference_mode():
        return 1000 * median_s(lambda: model(window), seconds)


def matrix_peak() -> float:
    """Give the bf16 operations a second of a large matrix product."""
    a, b = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    return 2 * 8192**3 / median_s(lambda: a @ b, 2)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", nargs="+", default=["paper", "laptop", "test"])
    parser.add_argument("--paradigms", nargs="+", default=PARADIGMS, choices=PARADIGMS)
    parser.add_argument("--seconds", type=float, default=5.0, help="about how long each figure is measured")
    parser.add_argument("--layouts", type=int, metavar="STEPS", help="only compare layouts and precisions on a CPU")
    figures.add_argument(parser)
    options = parser.parse_args()
    gpu = torch.cuda.is_available()
    if not gpu:
        torch.set_num_threads(1)
    where = torch.cuda.get_device_name() if gpu else f"no GPU; {platform.machine()}, one thread, its own time"
    print(f"{where}; torch {torch.__version__}, Python {platform.python_version()}")
    if options.layouts:
        torch.set_num_threads(1)
        print_layouts(options.layouts, options)
        return
    peak = matrix_peak() if gpu else 0.0
    if gpu:
        print(f"bf16 matrix product: {peak / 1e12:.0f} TFLOP/s")
        figures.keep(options, what="bf16 matrix product", tflops=round(peak / 1e12, 1))
    with tempfile.TemporaryDirectory() as place:
        store = make_store(Path(place) / "store", 4096 if gpu else 512)
        print(f"{'preset':<8}{'paradigm':<15}{'windows/s':>10}{'text':>7}{'of peak':>9}")
        for preset in options.presets:
            encoder = Config.model_validate({"dataset": store, "preset": preset}).encoder
            operations, rates = forward_operations(encoder), {}
            for paradigm in options.paradigms:
                rates[paradigm], text = train(paradigm, preset, store, Path(place) / preset / paradigm, options)
                share = f"{100 * text:.0f} %" if text else ""
                passes = 3 * operations * (3 if paradigm == "self_training" else 1)  # three views a labelled window
                reached = f"{100 * passes * rates[paradigm] / peak:.0f} %" if peak else ""
                print(f"{preset:<8}{paradigm:<15}{rates[paradigm]:>10.0f}{share:>7}{reached:>9}", flush=True)
                shares = {
                    "text_share": round(text, 3),
                    "of_peak": round(passes * rates[paradigm] / peak, 4) if peak else 0,
                }
                figures.keep(options, preset=preset, what=paradigm, windows_s=round(rates[paradigm], 1), **shares)
            rate, ms = plain(encoder, 512 if gpu else CPU_BATCH[encoder], store, options), one_window_ms(encoder, 1)
            print(f"{preset:<8}{'plain loop':<15}{rate:>10.0f}")
            print(f"{preset:<8}one window: {ms:.1f} ms, {operations / 1e9:.2f} GFLOP", flush=True)
            figures.keep(
                options, preset=preset, what="plain loop", windows_s=round(rate, 1), one_window_ms=round(ms, 2)
            )
            if encoder == "resnet50" and "supervised" in rates:
                hours = PAPER_WINDOWS / rates["supervised"] / 3600
                print(f"{preset:<8}the paper's supervised run, 1.28 M windows × 100 epochs: {hours:,.0f} hours")


if __name__ == "__main__":
    main()
