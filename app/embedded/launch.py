"""Become PostgreSQL: change the account, ask the kernel to be stopped with the parent, then exec.

Run as a script, `python -I -S launch.py UID GID PARENT PROGRAM ARGUMENT…`, because neither step can be done safely
between fork and exec of a program with threads (`preexec_fn`), and because the account may not be able to run this
interpreter: it is still the parent's account that starts it. Imports nothing of the service.
"""

import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(uid: int, gid: int, parent: int, command: list[str]) -> None:
    """Replace this process by `command`, under the account; the kernel stops it when the parent ends.

    The kernel then sends SIGINT, PostgreSQL's fast shutdown, at the end of the *thread* that started us. It is asked
    after the change of account, which clears it; exec keeps it. Only Linux has it: elsewhere the next start finds an
    orphan by `postmaster.pid`.
    """
    on_linux = sys.platform.startswith("linux")
    if on_linux:
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
    if uid != os.geteuid():
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    os.umask(0o077)
    if on_linux:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit("the parent ended before PostgreSQL began")
    os.execv(command[0], command)  # noqa: S606 - no shell, by intent


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
