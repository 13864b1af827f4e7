"""Takes a found program home: a pip-installable package or one file, with its score card and a test that replays it."""

from heuresis.agent.exporting.taking import Differs, Exported, export

__all__ = ["Differs", "Exported", "export"]
