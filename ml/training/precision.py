"""In which precision a step is computed."""

from pathlib import Path

import torch

from ml.training.configuration import Config

CPUINFO = Path("/proc/cpuinfo")
BF16_FLAGS = {"avx512_bf16", "amx_bf16"}  # Linux's names of AVX-512-BF16 and AMX


def autocast(config: Config, device: torch.device) -> torch.autocast:
    """Return what a step is computed in: bf16 where the configuration says so, or says `auto` and the device has it."""
    half = config.precision == "bf16" or (config.precision == "auto" and has_bf16(device))
    return torch.autocast(device.type, torch.bfloat16, enabled=half)


def has_bf16(device: torch.device) -> bool:
    """Return whether the device has bf16 in hardware: GPUs since Ampere, processors with AVX-512-BF16 or AMX."""
    if device.type == "cpu":
        return bool(BF16_FLAGS & _processor_flags())
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)


def _processor_flags() -> set[str]:
    """Return what Linux says the first processor can do; nothing elsewhere."""
    try:
        lines = CPUINFO.read_text().splitlines()
    except OSError:
        return set()
    return set(next((line for line in lines if line.startswith("flags")), "").split())
