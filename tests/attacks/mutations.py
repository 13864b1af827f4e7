"""Defences, each with how it is taken out of a copy of the source and which attacks must then succeed.

Nothing here can be reached from a configuration, an environment or a command line: the mutated source is a copy in a
folder of the test, and only a test process runs it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.attacks.arena import ROOT

_COPIED = ("heuresis", "agent", "archive", "evaluators", "prompts", "sandbox", "tests", "pyproject.toml")
Edit = tuple[str, str, str]
"""File, what stands there exactly once, what stands there instead."""


@dataclass(frozen=True)
class Mutation:
    """One defence, or several that hide each other, switched off."""

    defence: str
    edits: tuple[Edit, ...]
    attacks: str
    """A pytest -k expression; at least one of those tests must fail."""
    hangs: bool = False
    """Without it the attack never ends: that is how it succeeds."""


JAIL, WARM, SESSION = "sandbox/jail.py", "sandbox/warm.py", "sandbox/session.py"
_OWN = "linux.CLONE_NEWNS | linux.CLONE_NEWNET | linux.CLONE_NEWIPC | linux.CLONE_NEWUTS"
_CHILD = "linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWUTS | extra)"
_USER = "_new_user(linux.CLONE_NEWUSER | linux.CLONE_NEWNS | linux.CLONE_NEWPID, NOBODY)"
_SECCOMP = "sandbox/seccomp.py"
_SPACES = "test_a22_every_namespace"

MUTATIONS = (
    Mutation("pid namespace of the child",
             ((JAIL, "    linux.unshare(linux.CLONE_NEWPID)\n    pid = os.fork()", "    pid = os.fork()"),),
             f"test_a17 or test_a09 or {_SPACES}"),
    Mutation("mount namespace of the child", ((JAIL, _CHILD, "linux.unshare(linux.CLONE_NEWUTS | extra)"),),
             f"test_a49 or {_SPACES}"),
    Mutation("uts namespace of the child", ((JAIL, _CHILD, "linux.unshare(linux.CLONE_NEWNS | extra)"),), _SPACES),
    Mutation("network namespace", ((JAIL, _OWN, _OWN.replace("linux.CLONE_NEWNET | ", "")),), f"test_a21 or {_SPACES}"),
    Mutation("ipc namespace (the filter refuses its calls as well)",
             ((JAIL, _OWN, _OWN.replace("linux.CLONE_NEWIPC | ", "")),), _SPACES),
    Mutation("setsid (Landlock and the pid namespace hold signals as well)", ((WARM, "            os.setsid()\n", ""),),
             "test_a17_the_program_leads"),
    Mutation("system call filter", ((JAIL, "    linux.install_filter(bpf)\n", ""),), "test_a35"),
    Mutation("filter: the list", ((_SECCOMP, "for number in denied_numbers(machine):", "for number in ():"),),
             "test_a35_privileged"),
    Mutation("filter: clone flags", ((_SECCOMP, "_CLONE_NEW_ANY = 0x7E020080", "_CLONE_NEW_ANY = 0"),), "test_a35"),
    Mutation("filter: clone3", ((_SECCOMP, "        fail(errno.ENOSYS),\n        op(JEQ, clone, 0, 4)",
                                 "        op(RET, ALLOW),\n        op(JEQ, clone, 0, 4)"),), "test_a35_privileged"),
    Mutation("filter: families of sockets", ((_SECCOMP, "op(JEQ, _AF_UNIX, 1, 0)", "op(JGE, 0, 1, 0)"),),
             "test_a35_no_socket or test_a21"),
    Mutation("filter: terminals", ((_SECCOMP, "_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C", "_TIOCSTI, _TIOCLINUX = 0, 0"),),
             "test_a35_a_terminal"),
    Mutation("filter: other architectures",
             ((_SECCOMP, "[op(JGE, _X32_BIT, 0, 1), op(RET, _KILL)]", "[]"),),
             "test_a35_another_architectures"),
    Mutation("filter: numbers above the table", ((_SECCOMP, "NEWEST = 469", "NEWEST = 1 << 29"),),
             "test_a35_a_call_newer"),
    Mutation("Landlock (namespaces and read-only mounts hold as well)",
             ((JAIL, "    landlock.restrict(", "    (lambda *_: None)("),), "test_a35_rule_sets"),
    Mutation("no_new_privs (without it the filter cannot be installed: no jail)",
             ((JAIL, "    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)\n", ""),), "test_a35"),
    Mutation("capabilities", ((JAIL, "    linux.drop_capabilities()\n", ""),), "test_a35_privileged"),
    Mutation("becoming nobody",
             ((JAIL, "    os.setresgid(NOBODY, NOBODY, NOBODY)\n    os.setresuid(user, user, user)\n", ""),),
             "test_a35"),
    Mutation("read-only root",
             ((JAIL, "    linux.set_mount_attributes(point, linux.ATTR_RDONLY, recursive=False)\n", ""),), "test_a04"),
    Mutation("read-only trees (nobody's rights and Landlock hold as well)",
             ((JAIL, "linux.ATTR_RDONLY | linux.ATTR_NOSUID | linux.ATTR_NODEV)",
               "linux.ATTR_NOSUID | linux.ATTR_NODEV)"),), "test_a04"),
    Mutation("nosuid", ((JAIL, "linux.ATTR_RDONLY | linux.ATTR_NOSUID | linux.ATTR_NODEV)",
                         "linux.ATTR_RDONLY | linux.ATTR_NODEV)"),), "test_a04 or test_a35_no_setuid"),
    Mutation("covered packages", ((JAIL, "            _cover(point + covered)\n", "            pass\n"),), "test_a01"),
    Mutation("the private folders of a child", ((JAIL, '_PRIVATE = ("/tmp", "/dev/shm")', '_PRIVATE = ("/tmp",)'),),
             "test_a12 or test_a22 or test_a49"),
    Mutation("their size", ((JAIL, "size={limits.file_bytes},nr_inodes", "nr_inodes"),), "test_a12_files"),
    Mutation("their number of files", ((JAIL, "nr_inodes=16384,", ""),), "test_a12_files"),
    Mutation("memory of the control group",
             (("sandbox/cgroups.py", "                self._set_memory(limits.memory_bytes)\n", ""),), "test_a11"),
    Mutation("processes of the control group",
             (("sandbox/cgroups.py", 'pids.max", str(limits.processes + self._own_processes))', 'pids.max", "max")'),),
             "test_a08 or test_a10"),
    Mutation("processor share of the control group",
             (("sandbox/worker.py", "self.cgroup.limit_cores(cores)", "pass"),), "test_a40"),
    Mutation("processor seconds", ((SESSION, "        if left <= 0:\n            self._end(Ending.CPU",
                                    "        if False:\n            self._end(Ending.CPU"),), "test_a15"),
    Mutation("descriptors", ((JAIL, "    _cap(resource.RLIMIT_NOFILE, 256)\n", ""),), "test_a12 or test_a35_desc"),
    Mutation("processor seconds of the kernel", ((JAIL, "    _cap(resource.RLIMIT_CPU, limits.cpu_seconds)\n", ""),),
             "test_a35_desc"),
    Mutation("core dumps", ((JAIL, "    _cap(resource.RLIMIT_CORE, 1)  #", "    #"),
                            (JAIL, "    resource.setrlimit(resource.RLIMIT_CORE, (1, 1))  #", "    #")),
             "test_a12 or test_a35_desc"),
    Mutation("filter: the limit of core dumps", ((_SECCOMP, "RLIMIT_CORE = 4", "RLIMIT_CORE = 99"),),
             "test_a12_a_crash"),
    Mutation("filter: pairs of sockets", ((_SECCOMP, "op(JEQ, _SOCKETPAIR[machine], 0, 4)", "op(JEQ, 1 << 20, 0, 4)"),),
             "test_a35_no_pair"),
    Mutation("filter: leases and notices", ((_SECCOMP, "REFUSED_FCNTLS = (1024, 1026)", "REFUSED_FCNTLS = (99999,)"),),
             "test_a22_nobody_hears"),
    Mutation("a user for each worker",
             ((JAIL, "os.setresuid(user, user, user)", "os.setresuid(NOBODY, NOBODY, NOBODY)"),),
             "test_a22_two_workers"),
    Mutation("largest file", ((JAIL, "    _cap(resource.RLIMIT_FSIZE, limits.largest_file)\n", ""),), "test_a35_desc"),
    Mutation("message queues", ((JAIL, "    _cap(resource.RLIMIT_MSGQUEUE, 0)\n", ""),), "test_a35_desc"),
    Mutation("signals that wait", ((JAIL, "    _cap(resource.RLIMIT_SIGPENDING, 1024)", "    None"),), "test_a35_desc"),
    Mutation("read-only nodes of devices",
             ((JAIL, "point + node, linux.ATTR_RDONLY | linux.ATTR_NOSUID", "point + node, linux.ATTR_NOSUID"),),
             "test_a49_no_node"),
    Mutation("output",
             ((SESSION, "if self._output.above_cap:\n            self._end(Ending.OUTPUT, f\"output limit of {self",
               "if False:\n            self._end(Ending.OUTPUT, f\"output limit of {self"),), "test_a13"),
    Mutation("size of a frame", (("sandbox/frames.py", "        if length > self._frame_bytes:", "        if False:"),),
             "test_a28_a_long_frame"),
    Mutation("depth of a value",
             (("sandbox/wire.py", "    if depth == 0:\n        raise WireError",
               "    if False:\n        raise WireError"),),
             "test_a28 or test_hostile_frames"),
    Mutation("containers of a value",
             (("sandbox/wire.py", "        if self._containers > self._caps.containers:",
               "        if False:"),),
             "test_a28 or test_hostile_frames"),
    Mutation("seals", (("sandbox/frames.py", "or seals & _SEALS != _SEALS", ""),), "test_a30"),
    Mutation("arrays that share memory",
             (("sandbox/wire.py", "        if self._sliced > len(self._shared):",
               "        if False:"),), "test_a30"),
    Mutation("answers before their questions", ((SESSION, "!= request or self._receiver.leftover:", "!= request:"),),
             "test_a06"),
    Mutation("the number of a callback",
             ((SESSION, "        if ask[1] != self._asked or self._receiver.leftover:",
               "        if False:"),),
             "test_a06 or test_a28"),
    Mutation("wall time",
             ((SESSION, "        if left <= 0:\n            self._end(Ending.WALL",
               "        if False:\n            self._end(Ending.WALL"),),
             "test_a14_a_program", hangs=True),
    Mutation("the kill at the end",
             ((SESSION, "signal.pidfd_send_signal(self._child.pidfd, signal.SIGKILL)", "pass"),
              ("sandbox/worker.py", "_GONE_SECONDS = 600.0", "_GONE_SECONDS = 1.0")), "test_a09"),
    Mutation("an empty environment",
             (("sandbox/backends/base.py", "env=ENVIRONMENT", "env={**os.environ, **ENVIRONMENT}"),),
             "test_a20"),
    Mutation("closing what was inherited (twice)",
             ((WARM, "    linux.close_from(_TOLD + 1)\n", ""),
              (WARM, "            linux.close_from(_TOLD)\n", "")), "test_a06_only or test_a02"),
    Mutation("a fresh child for each block",
             (("evaluators/partition.py", "        return start, (index - start) // problem.block_size,",
               "        return 0, 0,"),),
             "test_a41"),
    Mutation("a seed for each session", (("sandbox/shim.py", "    _reseed(seed)\n", ""),), "test_a41"),
)  # fmt: skip


def mutated_copy(folder: Path, mutation: Mutation) -> None:
    """The source in `folder` with the defence taken out, never probed (the probe would find some of them first)."""
    folder.mkdir(exist_ok=True)
    for name in _COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    silent = ("tests/attacks/tiers.py", "return probed(tier, shipped_backend(tier), probe_worker)", 'return ""')
    for file, old, new in (*mutation.edits, silent):
        text = (folder / file).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{mutation.defence}: {file} holds {text.count(old)} times {old!r}"
        (folder / file).write_text(text.replace(old, new), encoding="utf-8")


def attacked(folder: Path, expression: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    """Plays those attacks on `namespaces` there, in a mount namespace of its own: the host's mounts stay."""
    wanted = f"({expression}) and not bubblewrap and not landlock and not docker"
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", wanted]
    command += ["tests/attacks", "tests/sandbox/test_wire.py"]
    return subprocess.run(
        ["unshare", "--mount", "--propagation", "private", *command],
        cwd=folder, capture_output=True, text=True, timeout=timeout,
        env={"PATH": os.environ["PATH"], "HOME": "/tmp", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(folder)},
    )  # fmt: skip
