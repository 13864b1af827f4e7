"""`python -m heuresis` is the command `heuresis`."""

import sys

from heuresis.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
