"""The training loop: AdamW, cosine schedule, early stopping, exact resume, and a bundle at the end."""

import io
import math
import time
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch import Tensor

from ml import bundle, card
from ml.calibration import DEFAULT_SENSITIVITY, Calibrate, ChosenBy, operating_point
from ml.corpus.facts import facts
from ml.corpus.store import Hedged, Reading, Store
from ml.events import Events
from ml.figures import figures, scored_with, without_curves
from ml.metrics import macro_auprc
from ml.networks.resnet1d import PRESETS
from ml.paradigms import PARADIGMS, Batch, Labels
from ml.run_folder import alone_in, json_safe, write_whole

EVALUATION_BATCH = 256
SAY_EVERY_S = 5.0
LOOP_SHARE = 0.95  # of the progress; the rest is measuring on the test split


class Config(BaseModel):
    """A run's `config.json`; the defaults are the paper's (section 4.2)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: Path
    paradigm: Literal["supervised"] = "supervised"
    preset: str = "resnet50"
    label_source: Reading = "overread"
    hedged: Hedged = "positive"
    epochs: Annotated[int, Field(ge=1)] = 100
    batch_size: Annotated[int, Field(ge=1)] = 512
    learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    patience: Annotated[int, Field(ge=1)] = 10
    threshold_rule: ChosenBy = "max_f1"
    sensitivity: Annotated[float, Field(gt=0, le=1)] = DEFAULT_SENSITIVITY  # of the rule of that name
    calibration: Calibrate = "platt"
    seed: Annotated[int, Field(ge=0)] = 0
    device: str | None = None
    threads: Annotated[int, Field(ge=1)] | None = None

    @field_validator("preset")
    @classmethod
    def _known(cls, preset: str) -> str:
        if preset not in PRESETS:
            raise ValueError(f"one of {', '.join(PRESETS)}")
        return preset


class Training:
    """A run. What a resume needs is in the checkpoint or follows from configuration and dataset."""

    def __init__(self, folder: Path, events: Events) -> None:
        self.folder, self.events = folder, events
        self.config = config = Config.model_validate_json((folder / "config.json").read_bytes())
        if config.threads is not None:
            torch.set_num_threads(config.threads)
        self.device = torch.device(config.device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.store = Store(config.dataset)
        self.labels = Labels(*self.store.targets(config.label_source, config.hedged))
        self.train_rows, self.validation_rows = self.store.rows("train"), self.store.rows("validation")
        for name, rows in (("train", self.train_rows), ("validation", self.validation_rows)):
            if not self.labels.counts[rows].any():
                raise ValueError(f"no window of the {name} split has a {config.label_source} reading")

        torch.manual_seed(config.seed)
        self.paradigm = PARADIGMS[config.paradigm](PRESETS[config.preset], self.labels[self.train_rows])
        self.model = self.paradigm.model.to(self.device)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.steps = math.ceil(len(self.train_rows) / config.batch_size)  # an epoch
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, self.steps * config.epochs)
        self.epoch = 0
        self.history: list[dict[str, Any]] = []
        self.best: dict[str, Any] = {"auprc": -math.inf, "epoch": 0, "weights": {}}

    def run(self) -> dict[str, Any]:
        """Train to the end, from the last checkpoint where there is one, and write the bundle."""
        self._resume()
        while self.epoch < self.config.epochs and self.epoch - self.best["epoch"] < self.config.patience:
            loss = self._train_epoch()
            auprc = self._validate()
            self.epoch += 1
            # undefined where no label of the validation split has both classes: then the last epoch is kept
            if math.isnan(auprc) or auprc > self.best["auprc"]:
                self.best = {"auprc": auprc, "epoch": self.epoch, "weights": self._weights()}
            measured = {"epoch": self.epoch, "train_loss": loss, "validation_macro_auprc": json_safe(auprc)}
            self.history.append(measured)
            self._checkpoint()
            self.events.say("metrics", **measured)
            self._say_progress(0, f"validation macro AUPRC {auprc:.3f}")
        self.model.load_state_dict(self.best["weights"])
        return self._finish()

    def _train_epoch(self) -> float:
        self.model.train()
        # the order of an epoch follows from seed and epoch alone, so a resumed run sees what an unbroken one does
        generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + self.epoch)
        order = self.train_rows[torch.randperm(len(self.train_rows), generator=generator).numpy()]
        total, said = 0.0, time.monotonic()
        for step in range(self.steps):
            batch = self._batch(order[step * self.config.batch_size : (step + 1) * self.config.batch_size])
            loss = self.paradigm.loss(batch)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            self.schedule.step()
            total += float(loss.detach()) * len(batch.rows)
            if not math.isfinite(total):
                raise RuntimeError(f"the loss is not finite in epoch {self.epoch + 1}: try a lower learning_rate")
            if time.monotonic() - said > SAY_EVERY_S:
                self._say_progress(step + 1, f"loss {total / ((step + 1) * self.config.batch_size):.4f}")
                said = time.monotonic()
        return total / len(order)

    def _validate(self) -> float:
        labels = self.labels[self.validation_rows]
        return macro_auprc(self._logits(self.validation_rows), labels.positive > 0, labels.counts)

    def _logits(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        self.model.eval()
        logits = np.empty((len(rows), len(self.store.labels)))
        with torch.inference_mode():
            for start in range(0, len(rows), EVALUATION_BATCH):
                part = slice(start, start + EVALUATION_BATCH)
                logits[part] = self.paradigm.logits(self._windows(rows[part])).double().cpu().numpy()
        return logits

    def _batch(self, rows: NDArray[np.int64]) -> Batch:
        labels = self.labels[rows]
        return Batch(
            rows,
            self._windows(rows),
            torch.from_numpy(labels.positive).to(self.device),
            torch.from_numpy(labels.counts).to(self.device),
        )

    def _windows(self, rows: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(self.store.windows[rows]).to(self.device).float()

    def _weights(self) -> dict[str, Tensor]:
        """Copy the weights: `state_dict` alone would go on changing with the model."""
        return {name: tensor.detach().cpu().clone() for name, tensor in self.model.state_dict().items()}

    def _identity(self) -> dict[str, Any]:
        """Say which run this is; where it runs does not matter."""
        config = self.config.model_dump(mode="json", exclude={"dataset", "device", "threads"})
        return {**config, "dataset_sha256": self.store.content_sha256}

    def _checkpoint(self) -> None:
        state = io.BytesIO()
        torch.save(
            {
                "run": self._identity(),
                "epoch": self.epoch,
                "best": self.best,
                "history": self.history,
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "schedule": self.schedule.state_dict(),
                "rng": torch.get_rng_state(),
                "cuda_rng": torch.cuda.get_rng_state_all() if self.device.type == "cuda" else [],
            },
            state,
        )
        write_whole(self.folder / "checkpoint.pt", state.getvalue())

    def _resume(self) -> None:
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location="cpu", weights_only=True)  # tensors and numbers, no pickled code
        if state["run"] != self._identity():
            raise ValueError("the checkpoint in this folder is another run's")
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.epoch, self.best, self.history = state["epoch"], state["best"], state["history"]
        torch.set_rng_state(state["rng"])
        if self.device.type == "cuda" and state["cuda_rng"]:
            torch.cuda.set_rng_state_all(state["cuda_rng"])
        self.events.say("resumed", epoch=self.epoch)

    def _finish(self) -> dict[str, Any]:
        """Choose thresholds and calibration on validation, measure on test, write the bundle."""
        self._say_progress(0, "measuring on the test split")
        rows = self.validation_rows
        logits, chosen = self._logits(rows), self.labels[rows]
        rules = self.config.threshold_rule, self.config.calibration, self.config.sensitivity
        points = [
            operating_point(logits[use, k], chosen.positive[use, k] > 0, *rules)
            for k, use in enumerate(chosen.counts.T)
        ]
        test = self.store.rows("test")
        scored = scored_with(points, test, self._logits(test))
        metrics = figures(self.store, scored, self.config.hedged, device=self.device.type) if len(test) else {}
        manifest = bundle.save(
            self.folder / "bundle",
            {
                "paradigm": self.config.paradigm,
                "preset": self.config.preset,
                "labels": [
                    {"key": key, "name": name, **vars(point)}
                    for (key, name), point in zip(self.store.labels, points, strict=True)
                ],
                "preprocessing": self.store.preprocessing,
                "dataset_sha256": self.store.content_sha256,
                "dataset": facts(self.store, self.config.hedged),
                "training": {
                    **self._identity(),
                    "best_epoch": self.best["epoch"],
                    "best_validation_macro_auprc": self.best["auprc"],
                    "ended_after": self.epoch,
                    "history": self.history,
                },
                "metrics": without_curves(metrics),
            },
            self.best["weights"],
            lambda manifest: card.files(manifest, metrics),
        )
        return {"weights_sha256": manifest.weights_sha256, "best_epoch": self.best["epoch"]}

    def _say_progress(self, step: int, message: str) -> None:
        epochs = self.epoch + step / self.steps
        at = f"epoch {min(self.epoch + (step > 0), self.config.epochs)}/{self.config.epochs}"
        fraction = LOOP_SHARE * epochs / self.config.epochs
        self.events.say("progress", fraction=fraction, message=f"{at}: {message}")


def run(folder: Path, events: Events) -> dict[str, Any]:
    """Train in a run folder with a `config.json`; leaves `bundle/` there."""
    with alone_in(folder):
        return Training(folder, events).run()
