"""The training loop of all paradigms: AdamW, warm-up and cosine, early stopping, exact resume, a bundle at the end."""

import contextlib
import math
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from ml.bundles import bundle, card, patients
from ml.bundles.network import describe_encoder, encoder_of
from ml.bundles.start import started_from
from ml.corpus.choice import labelled_rows
from ml.corpus.facts import facts
from ml.corpus.store import Store
from ml.evaluation.calibration import operating_point
from ml.evaluation.metrics import NotFinite, macro_auprc
from ml.evaluation.report import metrics_of, scored_with, without_curves
from ml.paradigms.paradigm import Batch, Labels, Outcome
from ml.processes import distributed
from ml.processes.events import Events
from ml.processes.read_ahead import read_ahead
from ml.processes.run_folder import alone_in, json_safe
from ml.training import checkpoint
from ml.training.average import Average
from ml.training.build import build
from ml.training.configuration import ALLOW_OWN, Config
from ml.training.epoch_sums import Sums
from ml.training.feed import Windows
from ml.training.finish import measure_whole, seen_patients
from ml.training.memory import keep_freed_memory
from ml.training.objective import choose_device, gradient_norm, objective, optimizer, same_statistics
from ml.training.pace import Pace
from ml.training.precision import autocast
from ml.training.schedule import Parts, Schedule, Unlabelled
from ml.training.statistics import re_estimate
from ml.training.step_log import StepLog

__all__ = ["Config", "Training", "run"]

EVALUATION_BATCH = 256
SAY_EVERY_S = 5.0
LOOP_SHARE = 0.95  # of the progress; the rest is measuring on the test split


class Training:
    """A training run. Its state is in the checkpoint, or follows from configuration and dataset."""

    def __init__(self, folder: Path, events: Events, *, allow_own: bool = False) -> None:
        self.folder, self.events, self.allow_own = folder, events, allow_own
        self.config = config = read_config(folder, allow_own)
        if config.threads is not None:
            torch.set_num_threads(config.threads)
        self.device = choose_device(config)
        if self.device.type == "cpu":
            keep_freed_memory()
        self.store = Store(config.dataset)
        self.labels = Labels(*self.store.targets(config.label_source, config.hedged))
        self.validation_rows = self.store.rows("validation")
        torch.manual_seed(config.seed)
        rows = labelled_rows(self.store, config.labelled_fraction, config.seed)
        self.paradigm, self.train_rows, self.text = build(config, self.store, rows, folder, allow_own=allow_own)
        if not self.labels.counts[self.validation_rows].any():
            raise ValueError(f"no window of the validation split has a {config.label_source} report")
        self.model = self.paradigm.model.to(self.device)
        self.objective = objective(self.paradigm, self.device)
        self.windows = Windows(self.store.windows, self.device, config.corpus_on_gpu)
        self.unlabelled = Unlabelled(config, self.store, self.device) if config.unlabelled is not None else None
        self.pace = Pace(config, len(self.train_rows))
        self.definition = config.definition(allow_own)
        self.order = Schedule(config, self.train_rows, self.unlabelled, whole=self.definition.contrastive)
        self.optimizer = optimizer(self.model, config, self.device)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, self.pace.rate)
        self.average = Average(self.model, config.ema_decay) if config.ema_decay is not None else None
        self.log: StepLog | None = None
        self.step = 0  # of the run, done
        self.sums = Sums()  # of the epoch
        self.history: list[dict[str, Any]] = []
        self.best: dict[str, Any] = {"auprc": -math.inf, "epoch": 0, "weights": {}}

    @property
    def epoch(self) -> int:
        """The number of epochs so far, with one that is not whole."""
        return self.pace.epochs_after(self.step)

    def run(self) -> dict[str, Any]:
        """Train from the last checkpoint, if there is one, to the end, and write the bundle."""
        self._resume()
        if not distributed.rank():
            self.log = StepLog(self.folder, self.step)
        while self.step < self.pace.total and not self._stands_still():
            self._train_epoch()
            self._end_epoch()
        self.model.load_state_dict(self.best["weights"])
        return self._finish()

    def _stands_still(self) -> bool:
        """Return whether nothing has got better for so long that training ends."""
        return self.step >= self.pace.least and self.epoch - self.best["epoch"] >= self.config.patience

    def _train_epoch(self) -> None:
        self.model.train()
        said = time.monotonic()
        epoch, first = divmod(self.step, self.pace.epoch)
        left = self.pace.total - self.step
        for parts, batches in read_ahead(islice(self.order.epoch(epoch, first), left), self._read):
            self._step(parts, batches)
            self.step += 1
            if time.monotonic() - said > SAY_EVERY_S:
                self._say_progress(f"loss {self._finite_loss():.4f}")
                said = time.monotonic()
            if self.step % self.config.checkpoint_steps == 0 and not self._epoch_ends():
                self._checkpoint()

    def _epoch_ends(self) -> bool:
        return self.step % self.pace.epoch == 0 or self.step == self.pace.total

    def _step(self, parts: Parts, batches: list[Batch]) -> None:
        """Do one step of the optimiser, with the gradients of all parts of a batch."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = torch.zeros((), device=self.device)
        for place, (part, batch) in enumerate(zip(parts, batches, strict=True)):
            torch.manual_seed(part.seed)  # random numbers depend on run, step and part only
            share = len(batch.rows) / sum(len(each.rows) for each in parts)
            last = place == len(parts) - 1
            with self._only_gather_last(last), autocast(self.config, self.device):
                outcome: Outcome = self.objective(batch)
                (outcome.loss * share).backward()  # type: ignore[no-untyped-call]
            loss += outcome.loss.detach().float() * share
            self.sums.add({"loss": outcome.loss, **outcome.logged}, len(batch.rows))
        norm = gradient_norm(self.model, self.config.clip_gradients)
        rates = {name: group["lr"] for group in self.optimizer.param_groups for name in group["names"]}
        self.optimizer.step()
        self.schedule.step()
        if self.average is not None:
            self.average.add(self.step)
        if self.log is not None:
            epoch = self.step // self.pace.epoch + 1
            self.log.add({"step": self.step + 1, "epoch": epoch, "loss": loss, **rates, "gradient_norm": norm})

    def _end_epoch(self) -> None:
        self._finite_loss()
        with self.average.in_place() if self.average is not None else contextlib.nullcontext():
            self._settle_statistics()
            auprc = self._validate()
            # NaN if no label of the validation split has both classes: then the last epoch is kept
            if math.isnan(auprc) or auprc > self.best["auprc"]:
                self.best = {"auprc": auprc, "epoch": self.epoch, "weights": self._weights()}
        means = self.sums.means([key for key, _ in self.store.labels])
        said = {"train_loss": means.pop("loss"), **means, "validation_macro_auprc": json_safe(auprc)}
        self.sums = Sums()
        self.history.append({"epoch": self.epoch, **said})
        self._checkpoint()
        self.events.say("metrics", epoch=self.epoch, **said)
        self._say_progress(f"validation macro AUPRC {auprc:.3f}")

    def _settle_statistics(self) -> None:
        """Give batch normalisation the statistics that the windows of new ECGs have, the same in all processes."""
        kept = self.config.freeze_encoder and self.config.start_from is not None
        if (self.definition.unlabelled or self.average is not None) and not kept:
            re_estimate(encoder_of(self.model), self.windows.__getitem__, self.train_rows)
        same_statistics(self.model)

    def _finite_loss(self) -> float:
        loss = self.sums.mean()
        if not math.isfinite(loss):
            raise RuntimeError(f"the loss is not finite in epoch {self.epoch}: try a lower learning_rate")
        return loss

    def _validate(self) -> float:
        labels = self.labels[self.validation_rows]
        try:
            return macro_auprc(self._logits(self.validation_rows), labels.positive > 0, labels.counts)
        except NotFinite as error:
            raise RuntimeError(f"{error} after epoch {self.epoch}: try a lower learning_rate") from error

    def _logits(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the scores of rows, (rows, labels). Each process scores its share."""
        self.model.eval()
        mine = np.array_split(rows, distributed.count())[distributed.rank()]
        logits = np.empty((len(mine), len(self.store.labels)))
        parts = [mine[start : start + EVALUATION_BATCH] for start in range(0, len(mine), EVALUATION_BATCH)]
        with torch.inference_mode():  # in full precision, like the bundle: bf16 has only 250 cosines between 0 and 1
            for part, windows in enumerate(read_ahead(parts, self.windows.__getitem__)):
                scores = self.paradigm.logits(windows).double().cpu().numpy()
                logits[part * EVALUATION_BATCH : part * EVALUATION_BATCH + len(scores)] = scores
        return np.concatenate(distributed.all_gather_values(logits))

    def _read(self, parts: Parts) -> tuple[Parts, list[Batch]]:
        return parts, [self._batch(part.rows, part.unlabelled) for part in parts]

    def _batch(self, rows: NDArray[np.int64], unlabelled: NDArray[np.int64] | None) -> Batch:
        labels = self.labels[rows]
        return Batch(
            rows,
            self.windows[rows],
            torch.from_numpy(labels.positive).to(self.device),
            torch.from_numpy(labels.counts).to(self.device),
            self.unlabelled.windows[unlabelled] if self.unlabelled is not None and unlabelled is not None else None,
        )

    def _only_gather_last(self, last: bool) -> contextlib.AbstractContextManager[None]:
        """Exchange gradients between processes once for each step, not for each part."""
        if last or not isinstance(self.objective, DistributedDataParallel):
            return contextlib.nullcontext()
        return _no_sync(self.objective)

    def _weights(self) -> dict[str, Tensor]:
        """Return a copy of the weights: those of `state_dict` change with the model."""
        return {name: tensor.detach().cpu().clone() for name, tensor in self.model.state_dict().items()}

    def _identity(self, *, defaults: bool = True) -> dict[str, Any]:
        """Return everything that determines the result of the run; paths and devices do not."""
        elsewhere = {"dataset", "unlabelled", "start_from", "text_folder", "device", "threads", "corpus_on_gpu"}
        config = self.config.model_dump(
            mode="json",
            exclude={*elsewhere, "checkpoint_steps"},
            exclude_none=True,
            exclude_defaults=not defaults,
        )
        if self.unlabelled is not None:
            config["unlabelled_sha256"] = self.unlabelled.content_sha256
        if self.config.start_from is not None:
            config["started_from"] = started_from(self.config.start_from)
        return {**config, "dataset_sha256": self.store.content_sha256}

    def _checkpoint(self) -> None:
        if distributed.rank():
            return
        if self.log is not None:
            self.log.flush()
        checkpoint.write(
            self.folder,
            {
                "run": self._identity(),
                "step": self.step,
                "sums": self.sums.state(),
                "best": self.best,
                "history": self.history,
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "schedule": self.schedule.state_dict(),
                "average": self.average.state() if self.average is not None else {},
            },
        )

    def _resume(self) -> None:
        state = checkpoint.read(self.folder, self._identity(), self._identity(defaults=False))
        if state is None:
            return
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        if self.average is not None:
            self.average.load(state["average"])
        self.step, self.best, self.history = state["step"], state["best"], state["history"]
        self.sums.load(state["sums"], self.device)
        self.events.say("resumed", epoch=self.epoch, step=self.step)

    def _finish(self) -> dict[str, Any]:
        """Choose thresholds and calibration on validation, measure on test, write the bundle."""
        self._say_progress("measuring on the test split")
        rows = self.validation_rows
        logits, chosen = self._logits(rows), self.labels[rows]
        rules = self.config.threshold_rule, self.config.calibration
        points = [
            operating_point(logits[use, k], chosen.positive[use, k] > 0, *rules, sensitivity=self.config.sensitivity)
            for k, use in enumerate(chosen.counts.T)
        ]
        test = self.store.rows("test")
        scored = scored_with(points, test, self._logits(test))
        if distributed.rank():
            return {}
        self.windows.leave_device()  # the bootstrap takes gigabytes of it
        if self.unlabelled is not None:
            self.unlabelled.windows.leave_device()
        read = np.concatenate([self.train_rows, self.validation_rows])  # by training, early stopping and thresholds
        unlabelled = self.unlabelled.patients if self.unlabelled is not None else set()
        seen = seen_patients(self.store, read, unlabelled, self.config.start_from)
        metrics = metrics_of(self.store, scored, self.config.hedged, device=str(self.device)) if len(test) else {}
        manifest = bundle.save(
            self.folder / "bundle",
            {
                "paradigm": self.definition.name,
                "preset": self.config.preset,
                **describe_encoder(self.paradigm.model),
                "text": self.text,
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
            lambda manifest: {**card.files(manifest, metrics), patients.FILE: seen.to_bytes()},
        )
        measure_whole(self.folder, self.store, self._say_progress, allow_own=self.allow_own)
        return {"weights_sha256": manifest.weights_sha256, "best_epoch": self.best["epoch"]}

    def _say_progress(self, message: str) -> None:
        at = f"epoch {self.epoch}/{self.pace.epochs}"
        fraction = LOOP_SHARE * self.step / self.pace.total
        self.events.say("progress", fraction=fraction, message=f"{at}: {message}")


@contextlib.contextmanager
def _no_sync(objective: DistributedDataParallel) -> Iterator[None]:
    with objective.no_sync():
        yield


def read_config(folder: Path, allow_own: bool = False) -> Config:
    """Read a run folder's `config.json`."""
    return Config.model_validate_json((folder / "config.json").read_bytes(), context={ALLOW_OWN: allow_own})


def run(folder: Path, events: Events, *, allow_own: bool = False) -> dict[str, Any]:
    """Train in a run folder with a `config.json`, and write `bundle/` there. `allow_own`: it may name own code."""
    device = read_config(folder, allow_own).device
    with distributed.joined(device), alone_in(folder) if not distributed.rank() else contextlib.nullcontext():
        return Training(folder, events, allow_own=allow_own).run()
