"""A run's paradigm from its configuration and its dataset."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml
from numpy.typing import NDArray

from ml.bundles.bundle import TextPart
from ml.bundles.network import Start, freeze_encoder, tokenizer_of
from ml.corpus.store import Store
from ml.labeling.normaliser import normaliser
from ml.networks.clip import Clip
from ml.networks.resnet1d import PRESETS, ResNet1d
from ml.networks.text import TextEncoder, TextSize, Tokenizer
from ml.paradigms.captions import Captions
from ml.paradigms.clip import ClipParadigm
from ml.paradigms.negclip import NegClip
from ml.paradigms.paradigm import Labels, Paradigm
from ml.paradigms.self_training import SelfTraining
from ml.paradigms.supervised import Supervised
from ml.processes import distributed
from ml.processes.durable import write_whole
from ml.training.configuration import Config, ContrastiveOptions, SelfTrainingOptions, TextOptions

PROMPTS = Path(__file__).with_name("prompts.yaml")


class Built(NamedTuple):
    """A paradigm, the training rows that it can learn from, and what a bundle keeps of its text side."""

    paradigm: Paradigm
    rows: NDArray[np.int64]
    text: TextPart | None


def build(config: Config, store: Store, rows: NDArray[np.int64], folder: Path) -> Built:
    """Make the paradigm. Weights follow from torch's seed; a trained tokenizer is kept in the run's folder."""
    start = Start(config.start_from) if config.start_from is not None else None
    if config.paradigm in ("clip", "negclip"):
        return _contrastive(config, store, rows, folder, start)
    keys = [key for key, _ in store.labels]
    model = ResNet1d(start.architecture if start else PRESETS[config.encoder], len(keys))
    if start is not None:
        start.give(model, keys, only_encoder=config.freeze_encoder)
    if config.freeze_encoder:
        freeze_encoder(model, keep_statistics=start is not None)
    labels = Labels(*store.targets(config.label_source, config.hedged))
    rows = rows[labels.counts[rows].any(axis=1)]
    if not len(rows):
        raise ValueError(f"no window of the train split has a {config.label_source} reading")
    if config.paradigm == "supervised":
        return Built(Supervised(model, labels[rows]), rows, None)
    how = config.self_training or SelfTrainingOptions()
    return Built(SelfTraining(model, labels[rows], how.weight, how.alpha, how.mask), rows, None)


def _contrastive(config: Config, store: Store, rows: NDArray[np.int64], folder: Path, start: Start | None) -> Built:
    how, text = config.contrastive or ContrastiveOptions(), config.text or TextOptions()
    captions = Captions(store, config.label_source, how.unit)
    rows = rows[captions.has_text(rows)]
    if not len(rows):
        raise ValueError(f"no window of the train split has a statement of a {config.label_source} reading")
    known = start.manifest.text if start is not None else None
    if known is not None:
        encoder, tokenizer, context = TextEncoder(dict(known.config)), tokenizer_of(known), known.context
    elif config.text_folder is not None:
        encoder = TextEncoder.from_folder(config.text_folder)
        context = int(encoder.config["max_position_embeddings"])
        tokenizer = Tokenizer.from_folder(config.text_folder, context)
    else:
        tokenizer, context = _trained_tokenizer(folder, captions.texts_of(rows), text), text.context
        size = TextSize(text.layers, text.width, text.heads, text.context)
        encoder = TextEncoder.random(size, tokenizer, text.dimension)
    with_bias = how.targets == "sigmoid"
    model = Clip(start.architecture if start else PRESETS[config.encoder], encoder, with_bias)
    if start is not None:
        start.give(model, [])
    prompts = _prompts(store, how.prompts)
    kind = NegClip if config.paradigm == "negclip" else ClipParadigm
    paradigm = kind(
        model, captions, tokenizer(captions.texts), [tokenizer(each) for each in prompts.values()], how.targets
    )
    part = TextPart(
        config=encoder.config,
        tokenizer=tokenizer.content,
        context=context,
        prompts={key: tuple(phrases) for key, phrases in prompts.items()},
        vocabulary=store.vocabulary,
        with_bias=with_bias,
    )
    return Built(paradigm, rows, part)


def _trained_tokenizer(folder: Path, texts: Sequence[str], text: TextOptions) -> Tokenizer:
    """Train the tokenizer once a run: a resumed run reads what the first attempt wrote, of the same texts."""
    asked = hashlib.sha256(json.dumps([list(texts), text.tokens, text.context]).encode()).hexdigest()
    path = folder / f"tokenizer-{asked[:12]}.json"
    if not path.exists() and not distributed.rank():
        write_whole(path, Tokenizer.trained(texts, text.tokens, text.context).content.encode())
    distributed.barrier()
    return Tokenizer(path.read_text(encoding="utf-8"), text.context)


def _prompts(store: Store, given: dict[str, list[str]]) -> dict[str, list[str]]:
    """Give each label's prompts in normal form: the run's, else those that ship, else the label's name."""
    unknown = given.keys() - {key for key, _ in store.labels}
    if unknown:
        raise ValueError(f"prompts for a label that the dataset does not have: {', '.join(sorted(unknown))}")
    shipped: dict[str, list[str]] = yaml.safe_load(PROMPTS.read_text(encoding="utf-8"))
    normal = normaliser(store.vocabulary)
    chosen = {key: given.get(key) or shipped.get(key) or [name] for key, name in store.labels}
    return {key: list(dict.fromkeys(map(normal, phrases))) for key, phrases in chosen.items()}
