"""The image that the docker jail runs: its name, what it must hold, and how it is built from the shipped Dockerfile."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import io
import os
import sys
import tarfile
from collections.abc import Iterator, Sequence
from typing import Any

from heuresis.errors import ConfigError, Unavailable
from heuresis.sandbox.runtime import own_source

PLACE = "/opt/heuresis"
"""Where our source lies in the image."""
SOURCE_LABEL = "heuresis.source"
PYTHON_MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
DEFAULT_BASE = f"python:{PYTHON_MINOR}-slim"
DEFAULT_TAG = f"heuresis-sandbox:py{PYTHON_MINOR}"
BUILD = "heuresis sandbox build-image"
_DAEMON_SECONDS = 600
"""For one answer of the daemon: the build of an image is one."""
_ALWAYS = ("numpy", "msgpack")
_DOCKERFILE = os.path.join(os.path.dirname(os.path.realpath(__file__)), "Dockerfile")


def connect() -> Any:
    """A client of the daemon that DOCKER_HOST names, else of the usual one. Raises `Unavailable`."""
    import docker

    host = os.environ.get("DOCKER_HOST", "unix://")
    if not host.startswith("unix://"):
        raise Unavailable(f"DOCKER_HOST is {host}: the daemon must be on this machine (unix://...), to share a socket")
    path = host.removeprefix("unix://") or "/var/run/docker.sock"
    if not os.path.exists(path):  # the client would leave a socket open behind its error
        raise Unavailable(f"no docker daemon answers at {path}. Start it: systemctl start docker")
    try:
        client = docker.from_env(timeout=_DAEMON_SECONDS)
    except docker.errors.DockerException as error:
        raise Unavailable(f"no docker daemon answers ({error}). Start it: systemctl start docker") from error
    return client


@contextlib.contextmanager
def daemon() -> Iterator[Any]:
    """A client for a few questions, closed afterwards. What the daemon refuses or leaves open is `Unavailable`."""
    import docker

    client = connect()
    try:
        yield client
    except (docker.errors.DockerException, OSError) as error:
        raise Unavailable(f"the docker daemon refused: {getattr(error, 'explanation', None) or error}") from error
    finally:
        client.close()


@functools.cache
def source_hash() -> str:
    """Names the sources that an image must hold."""
    digest = hashlib.sha256()
    for place, path in _files():
        with open(path, "rb") as file:
            digest.update(f"{place}\0{hashlib.sha256(file.read()).hexdigest()}\n".encode())
    return digest.hexdigest()[:16]


def find_image(client: Any, tag: str) -> str:
    """The id of an image of this very version. Raises `Unavailable` with the command that makes one."""
    import docker

    command = BUILD if tag == DEFAULT_TAG else f"{BUILD} --tag {tag}"
    try:
        image = client.images.get(tag)
    except docker.errors.ImageNotFound as error:
        raise Unavailable(f"there is no image {tag}. Build it: {command}") from error
    if image.labels.get(SOURCE_LABEL) != source_hash():
        raise Unavailable(f"the image {tag} is of another version of Heuresis. Build it again: {command}")
    return str(image.id)


def build_image(
    client: Any, tag: str = DEFAULT_TAG, base: str = DEFAULT_BASE, packages: Sequence[str] = (), network: str = ""
) -> str:
    """Build, tag, return the image's id. `packages` are installed in the versions that are installed here.

    `network` is that of the building containers, where packages are fetched. Raises `Unavailable` with the end of the
    log, ConfigError for a package that is not installed here.
    """
    import docker

    wanted = " ".join(_pinned(name) for name in dict.fromkeys((*_ALWAYS, *packages)))
    arguments = {"BASE": base, "PYTHON_MINOR": PYTHON_MINOR, "PACKAGES": wanted}
    try:
        image, _ = client.images.build(
            fileobj=_context(), custom_context=True, tag=tag, rm=True, forcerm=True, buildargs=arguments,
            labels={SOURCE_LABEL: source_hash()}, network_mode=network or None,
        )  # fmt: skip
    except docker.errors.BuildError as error:
        log = "".join(line.get("stream", line.get("error", "")) for line in error.build_log)
        raise Unavailable(f"the image cannot be built from {base}: {log.strip()[-2000:]}") from error
    except docker.errors.APIError as error:
        raise Unavailable(f"the image cannot be built from {base}: {error.explanation or error}") from error
    return str(image.id)


def _pinned(name: str) -> str:
    """`scipy` -> `scipy==1.17.0`: results are to be the same in every jail."""
    try:
        return f"{name}=={importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError as error:
        hint = "It is installed in the version that is here."
        raise ConfigError("with", "names of packages that are installed here", name, hint) from error


def _context() -> io.BytesIO:
    """What the daemon builds from: the Dockerfile and our sources, the same bytes for the same sources."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for place, path in (("Dockerfile", _DOCKERFILE), *_files()):
            with open(path, "rb") as file:
                content = file.read()
            entry = tarfile.TarInfo(place)
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    stream.seek(0)
    return stream


def _files() -> Iterator[tuple[str, str]]:
    """Place in the image, path here; sorted."""
    for place, path in sorted(own_source().items()):
        if os.path.isfile(path):
            yield place, path
            continue
        for folder, folders, names in os.walk(path):
            folders.sort()
            for name in sorted(names):
                if name.endswith(".py"):
                    full = os.path.join(folder, name)
                    yield os.path.join(place, os.path.relpath(full, path)), full
