"""Played once in a container of the image: what is installed there, and whether namespaces may be made. Prints JSON.

python3 -s -P docker_inside.py PACKAGE...
"""

from __future__ import annotations

import json
import os
import sys

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from heuresis.errors import ConfigError
from heuresis.sandbox import jail, linux
from heuresis.sandbox.jail import Root
from heuresis.sandbox.runtime import describe


def main() -> None:
    runtime = tuple(sys.argv[1:])
    try:
        installation = describe(runtime)
    except ConfigError as error:
        print(json.dumps({"missing": str(error.args[0])}))
        return
    root = Root(installation["trees"], installation["covered"], installation["packages"])
    print(json.dumps({"installation": installation, "refused": _why_not_nested(root)}))


def _why_not_nested(root: Root) -> str:
    """Empty when a program can get namespaces of its own in here; else what the kernel said. Tried, in a child."""
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            linux.remember_last_capability()
            jail.enter_worker(root, os.getuid())
            inner = os.fork()
            if inner == 0:
                jail.enter_root()
            else:
                os.waitpid(inner, 0)
        except BaseException as error:  # `Docker` reads the text
            os.write(tell, str(error).encode()[:1000])
        finally:
            os._exit(0)
    os.close(tell)
    os.waitpid(pid, 0)
    return os.read(told, 1000).decode(errors="replace")


if __name__ == "__main__":
    main()
