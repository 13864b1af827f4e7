"""The docker jail: what its containers are allowed, what is told when a part of it is missing, what is left behind."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from heuresis.errors import ConfigError, Unavailable
from heuresis.program import Limits, Program
from heuresis.sandbox.backends.docker import IMAGE, RUNTIME, Docker
from heuresis.sandbox.container import OWNER_LABEL, own_mark, sweep
from heuresis.sandbox.docker_image import DEFAULT_TAG, SOURCE_LABEL, build_image, connect, find_image
from heuresis.sandbox.docker_options import ContainerOptions, plain_user
from heuresis.sandbox.docker_profile import seccomp_profile
from heuresis.sandbox.protocol import Call
from heuresis.sandbox.worker import JailWorker
from heuresis.testing.sandbox_contract import check_attacks

ROOT = Path(__file__).resolve().parents[2]
LOOK = """
import os
def f(): return [sorted(os.listdir("/")), os.path.exists("/control"), os.path.exists("/opt"), os.getuid()]
def leave():
    open("/tmp/program/left", "w").close()
    return os.listdir("/tmp/program")
"""


@pytest.fixture
def client() -> Iterator[Any]:
    reason = Docker().missing()
    if reason:
        pytest.skip(f"this machine has no docker jail: {reason}")
    client = connect()
    yield client
    client.close()


@pytest.fixture
def setting(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    return monkeypatch.setenv


def ours(client: Any) -> dict[str, dict[str, Any]]:
    """Containers of this very process, as the daemon describes them."""
    found = client.api.containers(all=True, filters={"label": f"{OWNER_LABEL}={own_mark()}"})
    return {one["Id"]: client.api.inspect_container(one["Id"]) for one in found}


# -- without a daemon


def test_a_daemon_that_does_not_answer_is_told(setting: Callable[[str, str], None]) -> None:
    setting("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    assert "no docker daemon answers" in Docker().missing()
    with pytest.raises(Unavailable, match="no docker daemon answers"):
        JailWorker(Docker(), (), 1.0)


def test_a_daemon_on_another_machine_is_refused(setting: Callable[[str, str], None]) -> None:
    setting("DOCKER_HOST", "tcp://127.0.0.1:1")
    assert "the daemon must be on this machine" in Docker().missing()


def test_only_the_leased_device_is_passed_in() -> None:
    config = ContainerOptions().for_gpu({"device_uuid": "GPU-1234"}).host_config(False, None, 1 << 30)
    assert [request["DeviceIDs"] for request in config["DeviceRequests"]] == [["GPU-1234"]]
    without = ContainerOptions().for_gpu({"device_uuid": ""}).host_config(False, None, 1 << 30)
    assert "DeviceRequests" not in without
    assert "Devices" not in without


def test_the_profile_refuses_what_the_filter_refuses_but_for_what_makes_namespaces() -> None:
    rules = json.loads(seccomp_profile())["syscalls"]
    refused = {name for rule in rules for name in rule["names"]}
    assert {"bpf", "io_uring_setup", "ptrace", "keyctl", "userfaultfd", "perf_event_open", "clone3"} <= refused
    assert not {"mount", "umount2", "unshare", "pivot_root", "pidfd_send_signal"} & refused


def test_a_package_that_is_not_installed_here_cannot_be_put_into_an_image() -> None:
    with pytest.raises(ConfigError, match="no-such-package"):
        build_image(None, packages=["no-such-package"])


# -- with one


@pytest.mark.docker
def test_a_missing_image_is_told_with_the_command_that_builds_it(
    client: Any, setting: Callable[[str, str], None]
) -> None:
    setting(IMAGE, "heuresis-absent:none")
    assert Docker().missing().endswith("Build it: heuresis sandbox build-image --tag heuresis-absent:none")


@pytest.mark.docker
def test_an_image_of_another_version_is_not_used(client: Any) -> None:
    tag = f"heuresis-test:{uuid.uuid4().hex}"
    text = f"FROM {os.environ.get(IMAGE) or DEFAULT_TAG}\nLABEL {SOURCE_LABEL}=older\n"
    client.images.build(fileobj=io.BytesIO(text.encode()), tag=tag, rm=True)
    try:
        with pytest.raises(Unavailable, match=f"of another version.*build-image --tag {tag}"):
            find_image(client, tag)
    finally:
        client.images.remove(tag)


@pytest.mark.docker
def test_an_unknown_runtime_is_the_users_mistake(client: Any, setting: Callable[[str, str], None]) -> None:
    setting(RUNTIME, "no-such-runtime")
    with pytest.raises(ConfigError, match=f"{RUNTIME}: expected one of the daemon's runtimes .*runc.*no-such-runtime"):
        Docker().missing()


@pytest.mark.docker
def test_a_package_that_the_image_lacks_is_named(client: Any) -> None:
    with pytest.raises(ConfigError, match=r"nosuchpackage.*build-image --with numpy --with nosuchpackage"):
        Docker().configure(("numpy", "nosuchpackage"))


@pytest.mark.docker
def test_a_base_image_that_cannot_be_had_is_told(client: Any) -> None:
    with pytest.raises(Unavailable, match="cannot be built from localhost:1/absent"):
        build_image(client, "heuresis-test:never", "localhost:1/absent")


@pytest.mark.docker
def test_a_container_has_no_network_no_rights_and_a_read_only_root(client: Any) -> None:
    with JailWorker(Docker(), (), 1.0):
        (found,) = ours(client).values()
        host = found["HostConfig"]
        assert (host["NetworkMode"], host["ReadonlyRootfs"], host["CapDrop"]) == ("none", True, ["ALL"])
        assert (host["Privileged"], host["PidMode"], host["IpcMode"]) == (False, "", "private")
        assert "no-new-privileges:true" in host["SecurityOpt"]
        assert [mount["RW"] for mount in found["Mounts"]] == [False]
        assert not os.path.exists(found["Mounts"][0]["Source"])  # the socket was taken away when both had met
        assert found["Config"]["User"] == "{}:{}".format(*plain_user())
        assert host["Memory"] > 0
        assert host["PidsLimit"] > 0
    assert ours(client) == {}


@pytest.mark.docker
def test_a_program_sees_neither_the_containers_root_nor_our_source(client: Any) -> None:
    with JailWorker(Docker(), (), 1.0) as worker, worker.start(Program.of(LOOK), ("f",), Limits(), 0) as session:
        top, control, opt, user = session.call([Call("f")])[0].value
    assert (control, opt, user) == (False, False, plain_user()[0])
    assert {"proc", "tmp", "usr"} <= set(top)


@pytest.mark.docker
@pytest.mark.root
@pytest.mark.skipif(os.getuid() != 0, reason="only root writes the control groups of containers")
def test_the_limits_of_a_program_are_those_of_its_containers_group(client: Any) -> None:
    limits = Limits(memory_bytes=300 << 20, processes=7)
    with JailWorker(Docker(), (), 1.0) as worker, worker.start(Program.of(LOOK), ("f",), limits, 0):
        assert worker.isolation == "docker"
        (found,) = ours(client).values()
        paths = {controller: path for controller, path in groups_of(found["State"]["Pid"]).items() if path}
        assert all(found["Id"] in path for name, path in paths.items() if name in ("memory", "pids"))
        assert client.api.stats(found["Id"], stream=False)["memory_stats"]["limit"] == 300 << 20


def groups_of(pid: int) -> dict[str, str]:
    with open(f"/proc/{pid}/cgroup", encoding="ascii") as file:
        lines = [line.rstrip("\n").split(":", 2) for line in file]
    return {name: path for _, names, path in lines for name in names.split(",")}


@pytest.mark.docker
def test_where_no_namespaces_can_be_made_every_program_has_a_container_of_its_own(client: Any) -> None:
    backend = Docker(profile="")  # the daemon's own, which refuses them
    assert backend.note().startswith("one container per program: no namespaces can be made inside (")
    assert Docker().note() == "one container per worker, and in it namespaces of its own for every program"
    seen = []
    with JailWorker(backend, (), 1.0) as worker:
        for _ in range(2):
            with worker.start(Program.of(LOOK), ("leave",), Limits(), 0) as session:
                left = session.call([Call("leave")])[0]
                assert left.error is None, left
                assert sorted(left.value) == ["left", "program.py"]
                seen.append(list(ours(client)))
    assert [len(ids) for ids in seen] == [1, 1]
    assert seen[0] != seen[1]
    assert ours(client) == {}


@pytest.mark.docker
def test_no_attack_of_the_probe_works_in_a_container_without_namespaces(client: Any) -> None:
    check_attacks(Docker(profile=""))


OWNER = """
import sys, time
from heuresis.sandbox.backends.docker import Docker
from heuresis.sandbox.container import own_mark
from heuresis.sandbox.worker import JailWorker
worker = JailWorker(Docker(), (), 1.0)
print(own_mark(), flush=True)
time.sleep(60)
"""


@pytest.mark.docker
def test_a_killed_owner_leaves_no_container(client: Any) -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True, cwd=ROOT) as owner:
        assert owner.stdout is not None
        filters = {"label": f"{OWNER_LABEL}={owner.stdout.readline().strip()}"}
        assert len(client.api.containers(filters=filters)) == 1
        owner.kill()
    deadline = time.monotonic() + 30
    while client.api.containers(all=True, filters=filters) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert client.api.containers(all=True, filters=filters) == []


@pytest.mark.docker
def test_containers_of_an_owner_that_is_gone_are_swept_and_no_others(client: Any) -> None:
    world, _, own = own_mark().partition(" ")
    later = f"{os.getpid()} 1"  # the number of a process that lives, but started at another time
    marks = {"gone": f"{world} {later}", "ours": f"{world} {own}", "elsewhere": f"another/machine {later}"}
    image = find_image(client, os.environ.get(IMAGE) or DEFAULT_TAG)
    made = {
        name: client.api.create_container(image, "x", labels={OWNER_LABEL: mark})["Id"] for name, mark in marks.items()
    }
    try:
        sweep(client)
        left = {one["Id"] for one in client.api.containers(all=True, filters={"label": OWNER_LABEL})}
        assert {name: place in left for name, place in made.items()} == {"gone": False, "ours": True, "elsewhere": True}
    finally:
        for name in ("ours", "elsewhere"):
            client.api.remove_container(made[name], force=True)
