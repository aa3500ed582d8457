"""Choices that the paper leaves open, by the name that configurations use."""

from typing import Literal

Mask = Literal["sample_max", "class_positive", "class_two_sided"]
"""Which pseudo-labels self-training uses: see `ml.paradigms.losses.self_training.confident`."""

Targets = Literal["diagonal", "masked", "multi_positive", "sigmoid", "bank"]
"""What a contrastive loss calls positive: see `ml.paradigms.losses.clip.clip_loss` and `.bank.bank_loss`."""

Unit = Literal["statement", "report"]
"""What a text of a contrastive paradigm is."""

PromptsFrom = Literal["corpus", "release"]
"""Where the prompts that score a label come from: see `ml.paradigms.prompts.label_prompts`."""
