"""What CLIP and NegCLIP are built from: captions, a tokenizer, two encoders, and prompts."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from ml.bundles.bundle import TextPart
from ml.bundles.network import tokenizer_of
from ml.networks.clip import Clip
from ml.networks.text import TextEncoder, TextSize, Tokenizer
from ml.paradigms.captions import Captions
from ml.paradigms.contrastive import ContrastiveOptions, TextOptions
from ml.paradigms.definition import BuildInputs, Built
from ml.paradigms.losses.clip import ClipParadigm
from ml.paradigms.prompts import label_prompts
from ml.processes import distributed
from ml.processes.durable import write_whole


def contrastive(inputs: BuildInputs, kind: type[ClipParadigm]) -> Built:
    """Return a paradigm of this kind on the windows whose ECG has a statement of the source."""
    options, store, start = inputs.section(ContrastiveOptions), inputs.store, inputs.start
    captions = Captions(store, inputs.label_source, options.unit)
    rows = inputs.rows[captions.has_text(inputs.rows)]
    if not len(rows):
        raise ValueError(f"no window of the train split has a statement of a {inputs.label_source} report")
    encoder, tokenizer, context = _text_encoder(inputs, captions.texts_of(rows))
    with_bias = options.targets == "sigmoid"
    model = Clip(inputs.encoder, encoder, with_bias)
    if start is not None:
        start.copy_to(model, [])
    prompts = label_prompts(store, rows, inputs.label_source, options.prompts, prompts_from=options.prompts_from)
    paradigm = kind(
        model,
        captions,
        tokenizer(captions.texts),
        [(tokenizer(each.phrases), each.weights) for each in prompts.values()],
        targets=options.targets,
        parts=inputs.parts,
        bank=captions.most_frequent(rows, options.bank) if options.targets == "bank" else None,
    )
    part = TextPart(
        config=encoder.config,
        tokenizer=tokenizer.content,
        context=context,
        prompts={key: each.phrases for key, each in prompts.items()},
        weights={key: each.weights for key, each in prompts.items()},
        vocabulary=store.vocabulary,
        with_bias=with_bias,
    )
    return Built(paradigm, rows, part)


def _text_encoder(inputs: BuildInputs, texts: Sequence[str]) -> tuple[TextEncoder, Tokenizer, int]:
    """Return text encoder, tokenizer and context: of the bundle the run starts from, of `text_folder`, or new ones."""
    options, start = inputs.section(TextOptions), inputs.start
    if start is not None and (known := start.text) is not None:
        return TextEncoder(dict(known.config)), tokenizer_of(known), known.context
    if inputs.text_folder is not None:
        encoder = TextEncoder.from_folder(inputs.text_folder)
        context = int(encoder.config["max_position_embeddings"])
        return encoder, Tokenizer.from_folder(inputs.text_folder, context), context
    tokenizer = _trained_tokenizer(inputs.folder, texts, options)
    size = TextSize(options.layers, options.width, options.heads, options.context)
    return TextEncoder.random(size, tokenizer, options.dimension), tokenizer, options.context


def _trained_tokenizer(folder: Path, texts: Sequence[str], options: TextOptions) -> Tokenizer:
    """Train the tokenizer once for each run. A resumed run reads the one that the first attempt wrote."""
    asked = hashlib.sha256(json.dumps([list(texts), options.tokens, options.context]).encode()).hexdigest()
    path = folder / f"tokenizer-{asked[:12]}.json"
    if not path.exists() and not distributed.rank():
        write_whole(path, Tokenizer.trained(texts, options.tokens, options.context).content.encode())
    distributed.barrier()
    return Tokenizer(path.read_text(encoding="utf-8"), options.context)
