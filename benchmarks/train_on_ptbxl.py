"""A ResNet trained on PTB-XL for minutes, for `benchmarks.quick_answers --bundle`; not a good model.

    python -m benchmarks.train_on_ptbxl PTBXL PRESET EPOCHS BUNDLE [--bf16]

Folds 1 to 6 are learned, fold 7 chooses the operating points. One thread; a bundle comes out. `--bf16` takes half as
long on a processor with AVX-512-BF16.
"""

import argparse
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from ml.bundles.bundle import save
from ml.evaluation.calibration import operating_point
from ml.networks.ecg import EcgNetwork
from ml.networks.resnet1d import PRESETS
from ml.signals import Preprocessing
from ml.starter.ptbxl import CITATION, LABELS, Examples, read_examples

BATCH, LEARNING_RATE = 32, 2e-3


def train(examples: Examples, preset: str, epochs: int, *, bf16: bool) -> EcgNetwork:
    """Return a network that has seen folds 1 to 6 so many times, each time at another start of the window."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    network = EcgNetwork(PRESETS[preset], len(LABELS)).train()
    rows = np.flatnonzero(examples.folds < 7)
    steps = len(rows) // BATCH
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=epochs * steps)
    for epoch in range(epochs):
        order, total, began = rng.permutation(rows), 0.0, time.perf_counter()
        for batch in order[: steps * BATCH].reshape(steps, BATCH):
            windows = np.roll(examples.windows[batch], int(rng.integers(2500)), axis=-1)
            with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                logits = network(torch.from_numpy(windows)).float()
            targets, known = (
                torch.from_numpy(x[batch].astype(np.float32)) for x in (examples.positive, examples.known)
            )
            loss = binary_cross_entropy_with_logits(logits, targets, known)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"{preset}, epoch {epoch + 1}: loss {total / steps:.4f}, {time.perf_counter() - began:.0f} s", flush=True)
    return network.eval()


def write(network: EcgNetwork, examples: Examples, preset: str, epochs: int, folder: Path) -> None:
    """Write the bundle."""
    rows = np.flatnonzero(examples.folds == 7)
    with torch.inference_mode():
        logits = np.concatenate([network(torch.from_numpy(examples.windows[[row]])).double().numpy() for row in rows])
    points = [
        operating_point(logits[known, k], examples.positive[rows][known, k])
        for k, known in enumerate(examples.known[rows].T)
    ]
    manifest = {
        "paradigm": "supervised",
        "preset": preset,
        "encoder": asdict(PRESETS[preset]),
        "labels": [
            {"key": key, "name": name, **vars(point)} for (key, name), point in zip(LABELS.items(), points, strict=True)
        ],
        "preprocessing": Preprocessing().to_dict(),
        "dataset_sha256": "0" * 64,
        "attribution": CITATION,
        "training": {"label_source": "overread", "epochs": epochs},
        "metrics": {},
    }
    save(folder, manifest, network.state_dict())


def main() -> None:
    """Train and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ptbxl", type=Path)
    parser.add_argument("preset", choices=PRESETS)
    parser.add_argument("epochs", type=int)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--bf16", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    examples = read_examples(given.ptbxl)
    network = train(examples, given.preset, given.epochs, bf16=given.bf16)
    write(network, examples, given.preset, given.epochs, given.bundle)
    print(f"{time.process_time() / 60:.1f} minutes of processor time")


if __name__ == "__main__":
    main()
