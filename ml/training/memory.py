"""How a training process handles freed memory."""

import ctypes

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # mallopt's names for them, in glibc's malloc.h


def keep_freed_memory() -> None:
    """Make glibc keep freed memory for the next step.

    By default glibc requests blocks above 32 MiB from the system and returns them when they are freed. The activations
    of a step on a CPU are that large. Requested anew in every step, they cost a page fault for every 4 KiB.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, -1)  # never
