"""What a training process does with memory it has freed."""

import ctypes

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # mallopt's names for them, in glibc's malloc.h


def keep_freed_memory() -> None:
    """Have the C library keep freed memory for the next step, where it is glibc.

    It takes whatever is over 32 MiB from the system and gives it back when it is freed. The activations of a step on a
    CPU are as large as that, the same every step, and then cost a page fault for every 4 KiB of them.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, -1)  # never
