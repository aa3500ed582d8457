"""The text side of CLIP: a byte-level tokenizer and the CLIP text transformer (Radford et al. 2021).

`transformers` and `tokenizers` are the optional extra `[text]`; they are imported only when a text is read. Nothing is
downloaded: weights are random or come from a local folder.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

BEGIN, END = "<|startoftext|>", "<|endoftext|>"
SEEN_AT_LEAST = 2  # times, before two tokens become one
# of `transformers.CLIPTextConfig`, what a bundle keeps
CONFIG = (
    *("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"),
    *("max_position_embeddings", "projection_dim", "hidden_act", "layer_norm_eps"),
    *("bos_token_id", "eos_token_id", "pad_token_id"),
)


class TextExtraMissing(ImportError):
    """CLIP and NegCLIP need the extra `text`: pip install 'overread[text]'."""


@dataclass(frozen=True)
class TextSize:
    """Size of a text transformer; the default is the original's."""

    layers: int = 12
    width: int = 512
    heads: int = 8
    context: int = 77


class Tokens:
    """Texts as token indices, each with its begin and end token."""

    def __init__(self, ids: Sequence[NDArray[np.int64]]) -> None:
        self._ids = ids

    def __len__(self) -> int:
        return len(self._ids)

    @classmethod
    def joined(cls, parts: "Sequence[Tokens]") -> "Tokens":
        """Return several lists of texts as one."""
        return cls([ids for part in parts for ids in part._ids])

    def padded(self, numbers: Iterable[int], device: torch.device) -> Tensor:
        """Return some of the texts, (k, longest of them), padded with the end token.

        Padding does not change an embedding: attention is causal, and the first end token is the one that is read.
        """
        chosen = [self._ids[number] for number in numbers]
        table = np.empty((len(chosen), max(map(len, chosen))), np.int64)
        for row, ids in zip(table, chosen, strict=True):
            row[: len(ids)], row[len(ids) :] = ids, ids[-1]
        return torch.from_numpy(table).to(device, non_blocking=True)


class Tokenizer:
    """Byte-level BPE over lower-case text, so that every text has tokens.

    Parameters
    ----------
    content
        The JSON of the `tokenizers` library.
    context
        Most tokens of a text, with begin and end. Longer texts are cut.
    """

    def __init__(self, content: str, context: int) -> None:
        self.content, self._context = content, context
        self._tokenizer = _library("tokenizers").Tokenizer.from_str(content)
        self.size: int = self._tokenizer.get_vocab_size()
        self.begin, self.end = (self._tokenizer.token_to_id(token) for token in (BEGIN, END))
        if self.begin is None or self.end is None:
            raise ValueError(f"the tokenizer has no {BEGIN} or {END}")

    @classmethod
    def trained(cls, texts: Sequence[str], size: int, context: int) -> "Tokenizer":
        """Train a tokenizer of at most `size` tokens. The same texts give the same tokenizer."""
        library = _library("tokenizers")
        tokenizer = library.Tokenizer(library.models.BPE())
        tokenizer.normalizer = library.normalizers.Lowercase()
        tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=True)
        trainer = library.trainers.BpeTrainer(
            vocab_size=size,
            min_frequency=SEEN_AT_LEAST,
            special_tokens=[BEGIN, END],
            initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(sorted(texts), trainer)
        return cls(tokenizer.to_str(), context)

    @classmethod
    def from_folder(cls, folder: Path, context: int) -> "Tokenizer":
        """Read the `tokenizer.json` of a folder of pretrained weights."""
        return cls((folder / "tokenizer.json").read_text(encoding="utf-8"), context)

    def __call__(self, texts: Sequence[str]) -> Tokens:
        """Tokenize texts."""
        ids = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        room = self._context - 2
        return Tokens([np.array([self.begin, *each.ids[:room], self.end], np.int64) for each in ids])


class TextEncoder(nn.Module):
    """CLIP's text transformer with its projection: token indices (k, n) → (k, dimension).

    Parameters
    ----------
    config
        What `transformers.CLIPTextConfig` takes.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        transformers = _library("transformers")
        self.config = config
        self.transformer = transformers.CLIPTextModelWithProjection(transformers.CLIPTextConfig(**config))

    @classmethod
    def random(cls, size: TextSize, tokenizer: Tokenizer, dimension: int) -> "TextEncoder":
        """Return an encoder with random weights."""
        return cls(
            {
                "vocab_size": tokenizer.size,
                "hidden_size": size.width,
                "intermediate_size": 4 * size.width,
                "num_hidden_layers": size.layers,
                "num_attention_heads": size.heads,
                "max_position_embeddings": size.context,
                "projection_dim": dimension,
                "bos_token_id": tokenizer.begin,
                "eos_token_id": tokenizer.end,
                "pad_token_id": tokenizer.end,
            }
        )

    @classmethod
    def from_folder(cls, folder: Path) -> "TextEncoder":
        """Read pretrained weights (safetensors) from a local folder."""
        transformers = _library("transformers")
        loaded = transformers.CLIPTextModelWithProjection.from_pretrained(
            folder, local_files_only=True, use_safetensors=True
        )
        config = loaded.config
        encoder = cls({name: getattr(config, name) for name in CONFIG})
        encoder.transformer.load_state_dict(loaded.state_dict())
        return encoder

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        return int(self.config["projection_dim"])

    def forward(self, tokens: Tensor) -> Tensor:
        """(k, n) → (k, dimension), not normalised."""
        embeddings: Tensor = self.transformer(input_ids=tokens).text_embeds
        return embeddings


def _library(name: str) -> Any:
    os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"
    try:
        if name == "transformers":
            import transformers

            return transformers
        import tokenizers

        return tokenizers
    except ImportError as error:
        raise TextExtraMissing(TextExtraMissing.__doc__) from error
