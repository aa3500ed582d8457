"""The training loop: AdamW, cosine schedule, early stopping, exact resume, and a bundle at the end."""

import copy
import fcntl
import math
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from ml import bundle
from ml.calibration import platt
from ml.corpus.store import Store
from ml.evaluate import figures
from ml.events import say
from ml.metrics import best_f1_threshold, macro_auprc
from ml.networks.resnet1d import PRESETS, ResNet1d
from ml.paradigms.supervised import Supervised

EVALUATION_BATCH = 256


class Config(BaseModel):
    """A run's `config.json`; the defaults are the paper's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: Path
    paradigm: Literal["supervised"] = "supervised"
    preset: str = "resnet50"
    label_source: Literal["overread", "machine"] = "overread"
    hedged: Literal["positive", "negative", "ignore"] = "positive"
    epochs: int = 100
    batch_size: int = 512
    learning_rate: float = 1e-4
    weight_decay: float = 1e-4
    patience: int = 10
    seed: int = 0
    device: str | None = None


class Training:
    """A run: everything that a resume needs is in `state` or follows from the configuration."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = Config.model_validate_json((folder / "config.json").read_text())
        self.store = Store(self.config.dataset)
        self.targets, self.counts = self.store.targets(self.config.label_source, self.config.hedged)
        self.train_rows, self.validation_rows = self.store.rows("train"), self.store.rows("validation")
        if not len(self.train_rows) or not len(self.validation_rows):
            raise ValueError("the dataset needs at least one window in its train and validation splits")
        if not self.counts[self.train_rows].any():
            raise ValueError(f"no window of the train split has a {self.config.label_source} reading")
        self.device = torch.device(self.config.device or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.manual_seed(self.config.seed)
        self.model = ResNet1d(PRESETS[self.config.preset], len(self.store.labels)).to(self.device)
        self.paradigm = Supervised(self.model, self.targets[self.train_rows], self.counts[self.train_rows], self.device)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=self.config.learning_rate, weight_decay=self.config.weight_decay
        )
        steps = max(1, math.ceil(len(self.train_rows) / self.config.batch_size)) * self.config.epochs
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, steps)
        self.epoch = 0
        self.best: dict[str, Any] = {"auprc": -1.0, "epoch": 0, "weights": self._weights()}

    def run(self) -> dict[str, Any]:
        """Train to the end, from the last checkpoint where there is one, and write the bundle."""
        self._resume()
        while self.epoch < self.config.epochs and self.epoch - self.best["epoch"] < self.config.patience:
            loss = self._train_epoch()
            auprc = self._validate()
            self.epoch += 1
            if auprc > self.best["auprc"]:
                self.best = {"auprc": auprc, "epoch": self.epoch, "weights": self._weights()}
            self._checkpoint()
            say("metrics", epoch=self.epoch, train_loss=loss, validation_macro_auprc=bundle.json_safe(auprc))
            say(
                "progress",
                fraction=0.95 * self.epoch / self.config.epochs,
                message=f"epoch {self.epoch}/{self.config.epochs}: validation macro AUPRC {auprc:.3f}",
            )
        self.model.load_state_dict(self.best["weights"])
        return self._finish()

    def _train_epoch(self) -> float:
        self.model.train()
        # the order of an epoch follows from seed and epoch alone, so a resumed run sees what an unbroken one does
        generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + self.epoch)
        order = self.train_rows[torch.randperm(len(self.train_rows), generator=generator).numpy()]
        total, seen = 0.0, 0
        for start in range(0, len(order), self.config.batch_size):
            rows = order[start : start + self.config.batch_size]
            if len(rows) == 1 and len(order) > 1:
                continue  # batch normalisation needs two
            loss = self.paradigm.loss(self._windows(rows), *self._labels(rows))
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            self.schedule.step()
            total, seen = total + float(loss.detach()) * len(rows), seen + len(rows)
        return total / max(1, seen)

    def _windows(self, rows: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(self.store.windows[rows].astype(np.float32)).to(self.device)

    def _labels(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        targets = torch.from_numpy(self.targets[rows]).to(self.device)
        return targets, torch.from_numpy(self.counts[rows]).to(self.device, torch.float32)

    def _logits(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        self.model.eval()
        with torch.inference_mode():
            parts = [
                self.paradigm.logits(self._windows(rows[start : start + EVALUATION_BATCH])).double().cpu().numpy()
                for start in range(0, len(rows), EVALUATION_BATCH)
            ]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.store.labels)))

    def _validate(self) -> float:
        rows = self.validation_rows
        return macro_auprc(self._logits(rows), self.targets[rows].astype(np.float64), self.counts[rows])

    def _weights(self) -> dict[str, Tensor]:
        """Copy the weights: `state_dict` alone would go on changing with the model."""
        return copy.deepcopy({name: tensor.detach().cpu() for name, tensor in self.model.state_dict().items()})

    def _checkpoint(self) -> None:
        state = {
            "epoch": self.epoch,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "best": self.best,
            "rng": torch.get_rng_state(),
            "cuda_rng": torch.cuda.get_rng_state_all() if self.device.type == "cuda" else [],
        }
        temporary = self.folder / "checkpoint.pt.tmp"
        with temporary.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.folder / "checkpoint.pt")

    def _resume(self) -> None:
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)  # tensors and numbers, no pickled code
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.epoch, self.best = state["epoch"], state["best"]
        torch.set_rng_state(state["rng"].cpu())
        if self.device.type == "cuda":
            torch.cuda.set_rng_state_all([rng.cpu() for rng in state["cuda_rng"]])
        say("resumed", epoch=self.epoch)

    def _finish(self) -> dict[str, Any]:
        """Choose thresholds and calibration on validation, measure on test, write the bundle."""
        rows = self.validation_rows
        logits, positive, counts = self._logits(rows), self.targets[rows] > 0, self.counts[rows]
        labels = []
        for k, (key, name) in enumerate(self.store.labels):
            use = counts[:, k]
            scores = 1 / (1 + np.exp(-logits[use, k]))
            slope, bias = platt(logits[use, k], positive[use, k])
            threshold = best_f1_threshold(scores, positive[use, k])
            labels.append({"key": key, "name": name, "threshold": threshold, "slope": slope, "bias": bias})
        calibration = np.array([(label["slope"], label["bias"]) for label in labels], np.float64)
        test = self.store.rows("test")
        metrics = figures(self.store, test, self._logits(test), calibration, self.config.hedged) if len(test) else {}
        training = self.config.model_dump(mode="json", exclude={"dataset", "device", "preset", "paradigm"})
        manifest = bundle.save(
            self.folder / "bundle",
            {
                "paradigm": self.config.paradigm,
                "preset": self.config.preset,
                "labels": labels,
                "preprocessing": self.store.preprocessing,
                "dataset_sha256": self.store.content_sha256,
                "training": {**training, "best_epoch": self.best["epoch"], "ended_after": self.epoch},
                "metrics": metrics,
                "versions": {"python": platform.python_version(), "torch": str(torch.__version__)},
            },
            self.best["weights"],
        )
        return {"weights_sha256": manifest.weights_sha256, "best_epoch": self.best["epoch"]}


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the run folder: a second child of the same job waits until a dying first one is gone."""
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run(folder: Path) -> dict[str, Any]:
    """Train in a run folder with a `config.json`; leaves `bundle/` there."""
    with _alone(folder):
        return Training(folder).run()
