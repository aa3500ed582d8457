"""A world small enough to train on in a second: two labels that anyone could see in the signal."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.bundles.bundle import SEAL
from ml.corpus.statements import Statement
from ml.corpus.store import Store, StoreWriter
from ml.signals import Preprocessing

LABELS = [("fast", "Fast"), ("upside_down", "Upside down"), ("never", "Never seen")]
PATIENTS = 24
FAST, UPSIDE_DOWN, ELSE = Statement("fast", 1), Statement("upside down", 2), Statement("nothing else")


def statements(mask: int) -> list[Statement]:
    """What a report with these labels says; the one with none says nothing."""
    said = [statement for statement in (FAST, UPSIDE_DOWN) if statement.asserts & mask]
    return [*said, ELSE] if mask == 1 else said


class Said:
    """The parent's ear: what a child says, kept as it was said."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def say(self, event: str, **payload: Any) -> None:
        self.events.append(json.loads(json.dumps({"event": event, **payload}, allow_nan=False)))

    def of(self, event: str) -> list[dict[str, Any]]:
        return [said for said in self.events if said["event"] == event]


@pytest.fixture
def said() -> Said:
    return Said()


Rewrite = Callable[[Path, str], None]


@pytest.fixture
def rewrite() -> Rewrite:
    """Give a bundle another `bundle.json`, and the seal that whoever writes one can also make."""

    def rewrite(bundle: Path, text: str) -> None:
        (bundle / "bundle.json").write_text(text)
        (bundle / SEAL).write_text(f"{hashlib.sha256(text.encode()).hexdigest()}  bundle.json\n")

    return rewrite


def make_window(rng: np.random.Generator, mask: int) -> np.ndarray:
    time = np.arange(2500) / 250
    wave = np.sin(2 * np.pi * (6 if mask & 1 else 2) * (time + rng.random()))
    spikes = np.maximum(wave, 0) ** 8 * (-1 if mask & 2 else 1)
    window = spikes + 0.1 * rng.standard_normal((12, 2500))
    return ((window - window.mean(1, keepdims=True)) / window.std(1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="session")
def store_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("datasets") / "small"
    rng = np.random.default_rng(0)
    with StoreWriter(folder, LABELS, Preprocessing().to_dict()) as writer:
        for number in range(2 * PATIENTS):
            mask = int(rng.integers(4))
            machine = None if number % 5 == 0 else mask ^ int(rng.random() < 0.25)
            row = {
                "ecg_id": f"ecg{number}",
                "start_s": 0.0,
                "patient": f"patient{number // 2}",  # two ECGs each
                "overread_present": mask,
                "overread_uncertain": 0,
                "machine_present": machine,
                "machine_uncertain": None if machine is None else 0,
                "overread_statements": statements(mask),
                "machine_statements": None if machine is None else statements(machine),
            }
            writer.append(make_window(rng, mask)[None], [row])
        writer.finish(seed=1)
    return folder


@pytest.fixture(scope="session")
def unlabelled_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Windows of other patients that nobody has read, and of some whom the labelled store has too."""
    folder = tmp_path_factory.mktemp("datasets") / "unlabelled"
    rng = np.random.default_rng(1)
    with StoreWriter(folder, [("other", "Other labels")], Preprocessing().to_dict()) as writer:
        for number in range(40):
            row = {"ecg_id": f"ecg{number}", "start_s": 0.0, "patient": f"patient{number}"}
            writer.append(make_window(rng, int(rng.integers(4)))[None], [row])
        writer.finish(seed=1)
    return folder


@pytest.fixture
def store(store_folder: Path) -> Store:
    return Store(store_folder)


MakeRun = Callable[..., Path]


@pytest.fixture
def make_run(tmp_path: Path, store_folder: Path) -> MakeRun:
    def make(name: str = "run", **overrides: Any) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        config = {"dataset": str(store_folder), "preset": "tiny", "device": "cpu", "threads": 1, "precision": "fp32"}
        config |= {"epochs": 3, "batch_size": 8, "learning_rate": 3e-3, "seed": 3, **overrides}
        (folder / "config.json").write_text(json.dumps(config))
        return folder

    return make


@pytest.fixture(scope="session")
def clip_bundle_folder(tmp_path_factory: pytest.TempPathFactory, store_folder: Path) -> Path:
    from ml.training.loop import Training

    folder = tmp_path_factory.mktemp("trained") / "clip"
    folder.mkdir()
    config = {"dataset": str(store_folder), "paradigm": "negclip", "preset": "test", "device": "cpu", "threads": 1}
    config |= {"precision": "fp32", "epochs": 8, "batch_size": 8, "contrastive": {"targets": "masked"}}
    (folder / "config.json").write_text(json.dumps(config))
    Training(folder, Said()).run()  # type: ignore[arg-type]
    return folder / "bundle"


@pytest.fixture(scope="session")
def bundle_folder(tmp_path_factory: pytest.TempPathFactory, store_folder: Path) -> Path:
    from ml.training.loop import Training

    folder = tmp_path_factory.mktemp("trained")
    config = {"dataset": str(store_folder), "preset": "tiny", "device": "cpu", "threads": 1}
    config |= {"precision": "fp32", "epochs": 6, "batch_size": 8, "learning_rate": 3e-3}
    (folder / "config.json").write_text(json.dumps(config))
    Training(folder, Said()).run()  # type: ignore[arg-type]
    return folder / "bundle"
