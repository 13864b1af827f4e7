"""Programs that misbehave, each with the ending it must come to."""

from __future__ import annotations

from dataclasses import dataclass

from heuresis.program import Limits
from heuresis.sandbox.protocol import Ending

SMALL = Limits(wall_seconds=30.0, cpu_seconds=1.0, memory_bytes=256 << 20, processes=24, output_bytes=100_000)


@dataclass(frozen=True)
class Hostile:
    """A program whose `f()` misbehaves."""

    name: str
    text: str
    ending: Ending | None
    """None: the call is answered, with an error or a harmless value."""
    words: str = ""
    """Must be in the reason, or in the answer's error."""
    limits: Limits = SMALL


PATIENT = Limits(wall_seconds=60.0, cpu_seconds=30.0, memory_bytes=256 << 20, processes=24, output_bytes=100_000)
"""So that a busy machine does not end first what is to end at another limit."""
QUICK_WALL = Limits(wall_seconds=0.5, cpu_seconds=10.0, memory_bytes=256 << 20, processes=24, output_bytes=100_000)

HOSTILE = (
    Hostile("loops for ever", "def f():\n while True: pass", Ending.WALL, "wall limit of 0.5 s", QUICK_WALL),
    Hostile("burns its processor time", "def f():\n while True: pass", Ending.CPU, "processor time limit of 1 s",
            Limits(wall_seconds=60.0, cpu_seconds=1.0)),
    Hostile("sleeps", "import time\ndef f(): time.sleep(1000)", Ending.WALL, "wall limit", QUICK_WALL),
    Hostile("ignores every signal and exception", """
import signal, time
def f():
    for number in range(1, 65):
        try: signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError): pass
    while True:
        try: time.sleep(100)
        except BaseException: pass
""", Ending.WALL, "wall limit", QUICK_WALL),
    Hostile("holds the interpreter in C", "def f(): return len(str(10 ** 10 ** 8))",
            Ending.WALL, "", QUICK_WALL),
    Hostile("leaves a daemon", """
import os, time
def f():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            while True: time.sleep(1)
        os._exit(0)
    return 1
""", None),
    Hostile("stops itself", "import os, signal\ndef f():\n os.kill(os.getpid(), signal.SIGSTOP)\n return 1", None),
    Hostile("takes all memory", "def f():\n a = []\n while True: a.append(bytearray(1 << 20))", Ending.MEMORY,
            "memory limit of 256 MiB", PATIENT),
    Hostile("takes all memory at once", "def f(): return len(bytearray(b'x') * (8 << 30))",
            Ending.MEMORY, "memory limit", PATIENT),
    Hostile("takes memory with many children", """
import os, time
def f():
    for _ in range(12):
        if os.fork() == 0:
            keep = bytearray(b"x") * (40 << 20)
            while True: time.sleep(1)
    while True: time.sleep(1)
""", Ending.MEMORY, "memory limit", PATIENT),
    Hostile("segfaults", "import ctypes\ndef f(): ctypes.string_at(0)", Ending.CRASHED, "signal 11 (SIGSEGV)"),
    Hostile("aborts", "import os\ndef f(): os.abort()", Ending.CRASHED, "signal"),
    Hostile("exits at once", "import os\ndef f(): os._exit(0)", Ending.CRASHED, "exited with code 0 before answering"),
    Hostile("exits politely", "import sys\ndef f(): sys.exit(0)", Ending.CRASHED, "exited with code 0"),
    Hostile("floods its output", "def f():\n while True: print('x' * 1000)",
            Ending.OUTPUT, "output limit of 100000 bytes"),
    Hostile("prints one endless line", "import os\ndef f():\n while True: os.write(2, b'x' * 65536)",
            Ending.OUTPUT, "output"),
    Hostile("returns a huge text", "def f(): return 'x' * (20 << 20)", None, "above the cap"),
    Hostile("returns a deep list", "def f():\n a = []\n for _ in range(5000): a = [a]\n return a",
            None, "cannot cross"),
    Hostile("returns an object", "def f(): return object()", None, "returned a object, which cannot cross"),
    Hostile("raises", "def f(): raise RuntimeError('no')", None, "RuntimeError: no"),
    Hostile("raises something that cannot be told", """
class Bad(Exception):
    def __str__(self): raise Bad
def f(): raise Bad
""", None, "Bad"),
    Hostile("writes garbage on every descriptor", """
import os, time
def f():
    for fd in range(3, 256):
        try: os.write(fd, b"\\xff" * 100)
        except OSError: pass
    time.sleep(100)
""", Ending.VIOLATION, "broke the protocol"),
    Hostile("writes a frame of ours with a wrong value", """
import os, struct
def f():
    os.write(3, struct.pack("<I", 4) + b"\\x93\\x05\\x01\\xc0")
    return 1
""", Ending.VIOLATION, "answer"),
    Hostile("writes a huge length",
            "import os, time\ndef f():\n os.write(3, b'\\xff\\xff\\xff\\x7f')\n time.sleep(100)",
            Ending.VIOLATION, "above the cap"),
    Hostile("answers twice", """
import os, struct
def f():
    frame = b"\\x93\\x05\\x01\\x91\\x91\\x01"
    os.write(3, 2 * (struct.pack("<I", len(frame)) + frame))
    import time; time.sleep(100)
""", Ending.VIOLATION, "more than one"),
    Hostile("calls a function it was not given", """
import os, struct, time
def f():
    frame = b"\\x95\\x04\\x00\\x07\\x90\\x80"
    os.write(3, struct.pack("<I", len(frame)) + frame)
    time.sleep(100)
""", Ending.VIOLATION, "not given"),
    Hostile("sends an open descriptor", """
import os, socket, struct, time
def f():
    fd = os.memfd_create("a")
    os.ftruncate(fd, 1 << 20)
    socket.send_fds(socket.socket(fileno=3), [struct.pack("<I", 1 | 1 << 31) + b"\\xc0"], [fd])
    time.sleep(100)
""", Ending.VIOLATION, "memfd"),
    Hostile("closes its channel", "import os, time\ndef f():\n os.close(3)\n time.sleep(100)",
            Ending.CRASHED, "closed its channel"),
    Hostile("bombs with forks", """
import os
def f():
    while True:
        try: os.fork()
        except OSError: pass
""", Ending.CPU, "processor time"),
    Hostile("leaves zombies", """
import os
def f():
    made = 0
    try:
        for _ in range(5000):
            if os.fork() == 0: os._exit(0)
            made += 1
    except OSError: pass
    return made
""", None),
    Hostile("fills its disk", """
def f():
    for folder in ("/tmp", "/dev/shm"):
        for n in range(10_000):
            with open(f"{folder}/{n}", "wb") as file: file.write(b"x" * (1 << 20))
""", None, "No space left"),
)  # fmt: skip
HONEST = "def f():\n import numpy as np\n return [float(np.random.random()), float(np.sin(np.arange(100)).sum())]"
