"""One container: made, started, reached over a socket in a shared folder, removed. And those that an owner left."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import docker

from heuresis.errors import Unavailable
from heuresis.sandbox.backends.base import ENVIRONMENT
from heuresis.sandbox.cgroups import Cgroup, cgroup_of
from heuresis.sandbox.docker_options import CONTROL, ContainerOptions, plain_user
from heuresis.sandbox.scratch import remove_tree

OWNER_LABEL = "heuresis.owner"
_SOCKET = "socket"
_CONNECT_SECONDS = 60.0
_RUN_SECONDS = 120.0
_GONE_SECONDS = 30.0
_LOOK_SECONDS = 0.2
_OUR_PROCESSES = 2
"""In a container beside the program: the one that watches the channel, and the warm parent."""


class Container:
    """Made by building it, started by `start`, removed by `close`."""

    def __init__(
        self, client: Any, image: str, command: Sequence[str], options: ContainerOptions, folder: str | None = None
    ) -> None:
        with _told("made"):
            info = client.info()
        has_apparmor = any("name=apparmor" in word for word in info.get("SecurityOptions") or ())
        self._api = client.api
        self.id = ""
        user, group = plain_user()
        with _told("made"):
            made = self._api.create_container(
                image, list(command), entrypoint=[], user=f"{user}:{group}", working_dir="/tmp", hostname="jail",
                environment=ENVIRONMENT, labels={OWNER_LABEL: own_mark()},
                host_config=options.host_config(has_apparmor, folder, int(info["MemTotal"])),
            )  # fmt: skip
        self.id = str(made["Id"])

    def start(self) -> None:
        try:
            with _told("started"):
                self._api.start(self.id)
        except Unavailable:
            self.close()
            raise

    def output(self) -> str:
        """What it prints until it ends by itself with 0. Raises `Unavailable`."""
        self.start()
        with _told("awaited"):
            status = self._api.wait(self.id, timeout=_RUN_SECONDS)["StatusCode"]
            printed = self.printed(stderr=False)
        if status != 0:
            raise Unavailable(f"a container of the image ended with {status}: {self.printed()[-1000:].strip()}")
        return printed

    def printed(self, stderr: bool = True) -> str:
        return bytes(self._api.logs(self.id, stdout=True, stderr=stderr)).decode(errors="replace")

    @property
    def running(self) -> bool:
        with _told("looked at"):
            try:
                return bool(self._api.inspect_container(self.id)["State"]["Running"])
            except docker.errors.NotFound:  # the daemon has removed it already
                return False

    def close(self) -> None:
        """Kill it and wait until it is removed. Never raises for one that is gone."""
        if self.id:
            remove(self._api, self.id)
            self.id = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()


class LaunchedContainer:
    """Implements `heuresis.sandbox.backends.base.Launched`."""

    def __init__(self, client: Any, container: Container, control: socket.socket) -> None:
        self._client = client
        self._container = container
        self.control = control

    def open_cgroup(self, pid: int) -> Cgroup | None:
        return cgroup_of(pid, self._container.id, _OUR_PROCESSES) if pid > 0 else None

    def close(self) -> None:
        self.control.close()
        self._container.close()
        self._client.close()


def start_container(client: Any, image: str, command: Sequence[str], options: ContainerOptions) -> LaunchedContainer:
    """A started container whose command was given the path of our socket and has connected to it.

    The folder and the socket are gone before any program comes. Closing what comes back closes the client.
    """
    folder = tempfile.mkdtemp(prefix="heuresis-control-")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            _listen(listener, folder)
            container = Container(client, image, [*command, f"{CONTROL}/{_SOCKET}"], options, folder)
            try:
                container.start()
                control = _accept(listener, container)
            except BaseException:
                container.close()
                raise
    finally:
        remove_tree(folder)
    return LaunchedContainer(client, container, control)


def _listen(listener: socket.socket, folder: str) -> None:
    path = f"{folder}/{_SOCKET}"
    listener.bind(path)
    if os.getuid() == 0:
        for place in (folder, path):
            os.chown(place, *plain_user())
    listener.listen(1)
    listener.settimeout(_LOOK_SECONDS)


def _accept(listener: socket.socket, container: Container) -> socket.socket:
    deadline = time.monotonic() + _CONNECT_SECONDS
    while time.monotonic() < deadline:
        try:
            control, _ = listener.accept()
        except TimeoutError:
            if not container.running:
                raise Unavailable("the container ended before it reached our socket") from None
        else:
            control.setblocking(True)
            return control
    raise Unavailable("the container did not reach our socket; the daemon must see this machine's temporary folder")


def remove(api: Any, name: str) -> None:
    """Kill and remove a container; wait until the daemon has forgotten it. One that is gone already is fine."""
    deadline = time.monotonic() + _GONE_SECONDS
    while time.monotonic() < deadline:
        try:
            api.remove_container(name, force=True, v=True)
        except docker.errors.NotFound:
            return
        except docker.errors.APIError:  # being removed already, or the daemon was slower than the kernel
            time.sleep(0.05)
        except OSError:  # the daemon is gone: what it left is swept when it is back
            return


def own_mark() -> str:
    """Names this very process: machine and its process numbers, number, time of its start."""
    return f"{_world()} {os.getpid()} {_started(os.getpid())}"


def sweep(client: Any) -> None:
    """Remove the containers whose owner, a process of this machine, is gone. Those of other machines are left alone."""
    for summary in client.api.containers(all=True, filters={"label": OWNER_LABEL}):
        world, _, process = summary["Labels"][OWNER_LABEL].partition(" ")
        pid, _, started = process.partition(" ")
        if world == _world() and pid.isdigit() and _started(int(pid)) != started:
            remove(client.api, summary["Id"])


def _world() -> str:
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        boot = file.read().strip()
    return f"{boot}/{os.stat('/proc/self/ns/pid').st_ino}"


def _started(pid: int) -> str:
    """In ticks since the machine started; empty when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[19]
    except OSError:
        return ""


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except (docker.errors.DockerException, OSError) as error:
        raise Unavailable(f"the container cannot be {what}: {getattr(error, 'explanation', None) or error}") from error
