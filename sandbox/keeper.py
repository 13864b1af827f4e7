"""Starts a command that cannot watch the owner process from inside, and ends it when the owner ends.

Exec'd as `python keeper.py OWNER COMMAND... CONTROL` by the owner, with an empty environment. What the command has
printed when it ends goes to the owner: it is why it did not start.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys

_PR_SET_PDEATHSIG = 1
_TEXT_BYTES = 1000
_MESSAGE_BYTES = 1 << 20
_TELL_SECONDS = 1.0


def main() -> None:
    owner_pid, command = int(sys.argv[1]), sys.argv[2:]
    owner = os.pidfd_open(owner_pid)
    if os.getppid() != owner_pid or select.select([owner], [], [], 0)[0]:
        return
    errors, errors_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        _become(command, errors_end)
    os.close(errors_end)
    child = os.pidfd_open(pid)
    poller = select.poll()
    poller.register(owner, select.POLLIN)
    poller.register(child, select.POLLIN)
    poller.poll()
    signal.pidfd_send_signal(child, signal.SIGKILL)
    os.waitpid(pid, 0)
    _tell(errors, int(command[-1]))


def _become(command: list[str], errors: int) -> None:
    """Never returns."""
    import ctypes

    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        os.dup2(errors, 2)
        os.execv(command[0], command)
    except OSError as error:
        os.write(errors, f"{command[0]}: {error}".encode())
    finally:
        os._exit(127)


def _tell(errors: int, control: int) -> None:
    os.set_blocking(errors, False)
    with contextlib.suppress(OSError):  # nothing was printed, or the owner does not listen any more
        text = os.read(errors, _TEXT_BYTES).decode(errors="replace").strip()
        channel = socket.socket(fileno=control)
        channel.settimeout(_TELL_SECONDS)
        channel.send(json.dumps({"error": text or "it ended at once"}).encode())
        channel.recv(_MESSAGE_BYTES)  # a message that stays unread would reset the channel, and lose ours


if __name__ == "__main__":
    main()
