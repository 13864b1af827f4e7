"""Writes a small root file system with this machine's Python to stdout, as tar.

    .venv/bin/python .ci/base_image.py | docker import - heuresis-base

`docker import` makes a base image of it, on machines that can pull none. It holds the interpreter and its library, a
shell and a few tools, what they are linked with, and pip, numpy, msgpack and scipy as they are installed here.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile

TOOLS = (
    "sh", "env", "cat", "ls", "sleep", "true", "false", "mkdir", "rm", "id", "echo", "ps", "mount", "dd", "kill",
    "yes", "cp", "mv", "chmod", "ln", "test", "uname", "timeout", "git", "unshare",
)  # fmt: skip
PACKAGES = ("pip", "numpy", "msgpack", "scipy")
LEFT_OUT = {
    "site-packages",
    "dist-packages",
    "__pycache__",
    "test",
    "tests",
    "idlelib",
    "tkinter",
    "ensurepip",
    "lib2to3",
}
LINKS = ("bin", "sbin", "lib", "lib32", "lib64")


class Root:
    """The archive; every path once, every folder above it open to all."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self._seen: set[str] = set()

    def folder(self, path: str) -> None:
        if path in ("", "/") or path in self._seen:
            return
        self.folder(os.path.dirname(path))
        self._seen.add(path)
        entry = tarfile.TarInfo(path.lstrip("/"))
        entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if path == "/tmp" else 0o755
        self._archive.addfile(entry)

    def link(self, path: str, target: str) -> None:
        if path not in self._seen:
            self.folder(os.path.dirname(path))
            self._seen.add(path)
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            self._archive.addfile(entry)

    def file(self, source: str, path: str | None = None) -> None:
        path = path or _place(source)
        if path in self._seen:
            return
        self.folder(os.path.dirname(path))
        self._seen.add(path)
        entry = tarfile.TarInfo(path.lstrip("/"))
        entry.size = os.path.getsize(source)
        entry.mode = 0o755 if os.access(source, os.X_OK) else 0o644
        with open(source, "rb") as file:
            self._archive.addfile(entry, file)

    def tree(self, folder: str) -> None:
        for place, folders, names in os.walk(folder):
            folders[:] = [name for name in folders if name not in LEFT_OUT and not name.startswith("config-")]
            for name in names:
                if not name.endswith(".a"):
                    self.file(os.path.join(place, name))


def main() -> None:
    base = os.path.realpath(sys._base_executable)
    standard = sysconfig.get_path("stdlib")
    asked = [base, "-I", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as archive:
        root = Root(archive)
        for name in LINKS:
            if os.path.islink(f"/{name}"):
                root.link(f"/{name}", os.readlink(f"/{name}"))
        for path in ("/tmp", "/mnt", "/sys", "/proc", "/dev", "/etc", "/root", site):
            root.folder(path)
        root.tree(standard)
        programs = [base, *filter(None, map(shutil.which, TOOLS))]
        packages = _files_of_packages()
        extensions = os.path.join(standard, "lib-dynload")
        linked = [*packages.values(), *(os.path.join(extensions, name) for name in os.listdir(extensions))]
        libraries = _libraries([*programs, *(path for path in linked if path.endswith(".so"))])
        for path in [*programs, *(path for path in libraries if "-packages/" not in path)]:
            root.file(path)
        for name in ("python3", os.path.basename(base)):
            root.link(f"/usr/bin/{name}", base)
        for place, source in packages.items():
            root.file(source, os.path.join(site, place))


def _files_of_packages() -> dict[str, str]:
    """Place below site-packages -> path here."""
    found = {}
    for name in PACKAGES:
        for file in importlib.metadata.distribution(name).files or ():
            source = str(file.locate())
            if file.parts[0] != ".." and "__pycache__" not in file.parts and os.path.isfile(source):
                found[str(file)] = source
    return found


def _place(source: str) -> str:
    """`/lib/x.so` where /lib is a link to usr/lib: the real folder, with the file's own name."""
    return os.path.join(os.path.realpath(os.path.dirname(source)), os.path.basename(source))


def _libraries(paths: list[str]) -> list[str]:
    printed = subprocess.run(["ldd", *paths], check=False, capture_output=True, text=True).stdout
    return sorted(set(re.findall(r"(/\S+\.so\S*)", printed.replace(":\n", "\n"))) - set(paths))


if __name__ == "__main__":
    main()
