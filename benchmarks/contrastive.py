"""What CLIP and NegCLIP learn by the shipped presets, beside supervised learning and a random encoder.

    python -m benchmarks.contrastive FOLDER --presets tiny laptop --targets diagonal bank --seeds 5
    python -m benchmarks.contrastive FOLDER --presets laptop --targets bank --settings '{"epochs": 10}'
    python -m benchmarks.contrastive FOLDER --only-table

2,000 simulated ECGs, one thread. Each finished run is a line of FOLDER/results.jsonl and is not done again; one that
was interrupted goes on from its checkpoint. Macro AUROC and AUPRC are of the test split against the over-read: the mean
over the seeds, with the 95 % interval of that mean by Student's t. The ECGs are the same for all seeds.
"""

import argparse
import json
import math
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from scipy.stats import t

from ml.corpus.store import Store
from ml.evaluation.metrics import macro_auprc
from ml.networks.clip import Clip
from ml.paradigms.choices import Targets
from ml.paradigms.paradigm import Labels
from ml.paradigms.prompts import label_prompts
from ml.training.loop import EVALUATION_BATCH, Training

CORPUS_SEED = 1
PROBE = {"paradigm": "supervised", "freeze_encoder": True}
BESIDE: Mapping[str, Mapping[str, Any]] = {  # the paper's rate and batch teach a small network nothing in so few steps
    "tiny": {"batch_size": 64, "learning_rate": 3e-3, "epochs": 20},
    "laptop": {},
}
COLD = {"warmup_steps": 0}  # as it was before: the text tower at the encoder's rate, from the first step


class Quiet:
    """Says on standard error how far a run is."""

    def say(self, event: str, **payload: Any) -> None:
        """Say an epoch's figures."""
        if event == "metrics":
            print(payload["epoch"], round(payload["validation_macro_auprc"], 3), file=sys.stderr, flush=True)


def configurations(
    presets: Sequence[str], targets: Sequence[Targets], settings: Mapping[str, Any], *, probe: bool, cold: bool
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield preset, arm and settings of each arm; `settings` are more of them for CLIP and NegCLIP."""
    also = "".join(f", {name} {value}" for name, value in settings.items())
    for preset in presets:
        yield preset, "supervised", {**BESIDE.get(preset, {}), "paradigm": "supervised"}
        for each in targets:
            for paradigm in ("clip", "negclip"):
                options = {"paradigm": paradigm, "contrastive": {"targets": each}, **settings}
                yield preset, f"{paradigm}, {each}{also}", options
        if probe:
            yield preset, "random encoder", {**BESIDE.get(preset, {}), **PROBE}
        if cold:
            for paradigm in ("clip", "negclip"):
                config = training_config(preset, {"paradigm": paradigm}, Path())
                rate = {"text_learning_rate": config["learning_rate"]}
                yield preset, f"{paradigm}, diagonal, no warm-up", {"paradigm": paradigm, **COLD, **rate}


def training_config(preset: str, options: Mapping[str, Any], corpus: Path) -> dict[str, Any]:
    """Return a run's whole configuration."""
    from ml.training.configuration import Config

    given = {"dataset": str(corpus), "preset": preset, "device": "cpu", "threads": 1, **options}
    return Config.model_validate(given).model_dump(mode="json", exclude_none=True)


def train(folder: Path, corpus: Path, preset: str, options: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Train once; return its figures on the test split and what it took."""
    folder.mkdir(parents=True, exist_ok=True)
    given = {"dataset": str(corpus), "preset": preset, "device": "cpu", "threads": 1, **options, "seed": seed}
    (folder / "config.json").write_text(json.dumps(given))
    began, cpu = time.monotonic(), time.process_time()
    run = Training(folder, Quiet())  # type: ignore[arg-type]
    run.run()
    manifest = json.loads((folder / "bundle" / "bundle.json").read_text())
    measured = manifest["metrics"]["overread"]
    return {
        "auroc": measured["macro_auroc"],
        "auprc": measured["macro_auprc"],
        "auprc_by_written_phrases": by_written_phrases(run) if isinstance(run.model, Clip) else None,
        "best_epoch": manifest["training"]["best_epoch"],
        "steps": run.step,
        "cpu_s": round(time.process_time() - cpu),
        "wall_s": round(time.monotonic() - began),
    }


def by_written_phrases(run: Training) -> float:
    """Return the macro AUPRC of the test split with labels scored by the release's phrases."""
    from ml.bundles.bundle import read_manifest
    from ml.bundles.network import tokenizer_of

    store, model, device = run.store, run.model, torch.device("cpu")
    text = read_manifest(run.folder / "bundle").text
    assert isinstance(model, Clip) and text is not None
    tokenizer, rows = tokenizer_of(text), store.rows("test")
    prompts = label_prompts(store, rows, "overread", {}, prompts_from="release")
    with torch.inference_mode():
        labels = model.eval().prompt_embeddings([(tokenizer(each.phrases), None) for each in prompts.values()], device)
        parts = [rows[start : start + EVALUATION_BATCH] for start in range(0, len(rows), EVALUATION_BATCH)]
        scores = np.concatenate([(model.encode_ecgs(run.windows[part]) @ labels.T).double().numpy() for part in parts])
    said = Labels(*store.targets("overread", "positive"))[rows]
    return float(macro_auprc(scores, said.positive > 0, said.counts))


def table(lines: Sequence[Mapping[str, Any]]) -> str:
    """Return the results as Markdown."""
    rows = [
        "| preset | arm | seeds | AUROC | AUPRC | of supervised | by written phrases | CPU minutes |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    arms = list(dict.fromkeys((line["preset"], line["arm"]) for line in lines))
    for preset, arm in arms:
        mine = of(lines, preset, arm)
        best = statistics.mean(of(lines, preset, "supervised", "auprc") or [math.nan])
        written = [line["auprc_by_written_phrases"] for line in mine if line["auprc_by_written_phrases"] is not None]
        cells = [
            *(preset, arm, str(len(mine))),
            *(interval([line[metric] for line in mine]) for metric in ("auroc", "auprc")),
            f"{statistics.mean(line['auprc'] for line in mine) / best:.3f}",
            interval(written) if written else "",
            f"{statistics.mean(line['cpu_s'] for line in mine) / 60:.1f}",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    rows += ["", "NegCLIP − CLIP, AUPRC, by seed:", ""]
    for preset, arm in arms:
        if arm.startswith("negclip"):
            theirs = {line["seed"]: line["auprc"] for line in of(lines, preset, arm.removeprefix("neg"))}
            pairs = [line["auprc"] - theirs[line["seed"]] for line in of(lines, preset, arm) if line["seed"] in theirs]
            if pairs:
                rows.append(
                    f"- {preset}, {arm.removeprefix('negclip, ')}: {interval(pairs, '+.3f')} ({len(pairs)} seeds)"
                )
    return "\n".join(rows)


def of(lines: Sequence[Mapping[str, Any]], preset: str, arm: str, metric: str | None = None) -> list[Any]:
    """Return an arm's lines, or one of their figures."""
    mine = [line for line in lines if (line["preset"], line["arm"]) == (preset, arm)]
    return mine if metric is None else [line[metric] for line in mine]


def interval(values: Sequence[float], form: str = ".3f") -> str:
    """Return a mean with its 95 % interval; alone where there is one value."""
    mean = statistics.mean(values)
    if len(values) < 2:
        return format(mean, form)
    half = float(t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / math.sqrt(len(values))
    return f"{mean:{form}} [{mean - half:{form}}, {mean + half:{form}}]"


def main() -> None:
    """Run what is missing, seed by seed, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ecgs", type=int, default=2000)
    parser.add_argument("--world", default="--difficulty 0 --machine random", help="options of the simulator")
    parser.add_argument("--presets", nargs="+", default=["tiny", "laptop"])
    parser.add_argument("--targets", nargs="+", choices=get_args(Targets), default=list(get_args(Targets)))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--arms", nargs="+", help="only these, by their names in the table")
    parser.add_argument("--settings", type=json.loads, default={}, help="JSON: more settings of CLIP and NegCLIP")
    parser.add_argument("--probe", action="store_true", help="also a linear probe on a random encoder")
    parser.add_argument("--no-warm-up", action="store_true", help="also arms whose text tower starts cold")
    parser.add_argument("--only-table", action="store_true")
    given = parser.parse_args()
    results = given.folder / "results.jsonl"
    if not given.only_table:
        corpus = given.folder / f"simulated-{given.ecgs}"
        if not corpus.exists():
            given.folder.mkdir(parents=True, exist_ok=True)
            simulate = [sys.executable, "-m", "ml.corpus.simulator", str(corpus)]
            subprocess.run(
                [*simulate, "--ecgs", str(given.ecgs), "--seed", str(CORPUS_SEED), *given.world.split()], check=True
            )
        sha256 = Store(corpus).content_sha256
        for seed in range(given.seeds):
            for preset, arm, options in configurations(
                given.presets, given.targets, given.settings, probe=given.probe, cold=given.no_warm_up
            ):
                key = {"preset": preset, "arm": arm, "seed": seed, "corpus": sha256}
                if given.arms and arm not in given.arms:
                    continue
                if any(key.items() <= line.items() for line in read(results)):
                    continue
                print(preset, arm, seed, file=sys.stderr, flush=True)
                folder = given.folder / "runs" / f"{preset}-{arm.replace(', ', '-').replace(' ', '_')}-{seed}"
                figures = train(folder, corpus, preset, options, seed)
                with results.open("a") as file:
                    file.write(json.dumps({**key, **figures}) + "\n")
                shutil.rmtree(folder)
    print(table(read(results)))


def read(results: Path) -> list[dict[str, Any]]:
    """Return the finished runs."""
    return [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []


if __name__ == "__main__":
    main()
