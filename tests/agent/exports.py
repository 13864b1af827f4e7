"""Small finished campaigns to export from, and the way to run an export's own tests without Heuresis."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from heuresis.agent.budget import Budget
from heuresis.agent.campaign import Campaign
from heuresis.agent.judging import add_program
from heuresis.agent.run import run_campaign
from heuresis.archive.records import CampaignRecord, Entry
from heuresis.archive.store import Store
from heuresis.program import Program

FIXTURES = Path(__file__).parents[1] / "fixtures"
GENERAL = """import numpy as np


def priority(item, bins):
    room = np.asarray(bins) - item
    return np.where(room == room.min(), 2.0, 0.1 * np.sin(np.arange(len(bins))) - np.abs(room - room.mean()))
"""


@dataclass(frozen=True)
class Kept:
    """A store with one campaign, and one of its entries."""

    url: str
    record: CampaignRecord
    entry: Entry


def campaign(folder: Path, problem: str, evaluations: int, own: str = "", **settings: str) -> Kept:
    """The best entry of a short search; or that of a program of one's own."""
    url = f"sqlite:///{folder / 'store.db'}"
    wanted = Campaign(problem, budget=Budget(evaluations=evaluations), settings=settings, name="short")
    with Store.open(url) as store:
        record = run_campaign(wanted, store, 1, lambda progress: None, threading.Event()).record
        if own:
            return Kept(url, record, add_program(store, record, Program.of(own), "of one's own"))
        best = store.top(record.name, 1)[0].proposal.program
        return Kept(url, record, store.entry(record.name, best.id))


def run_own_tests(folder: Path, place: Path) -> subprocess.CompletedProcess[str]:
    """The export's own tests, in an interpreter where `import heuresis` fails."""
    (place / "refused").mkdir(exist_ok=True)
    (place / "refused" / "heuresis.py").write_text("raise ImportError('an export must do without')\n")
    path = os.pathsep.join([str(place / "refused"), str(folder / "src")])
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-rP",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        str(folder / "tests"),
    ]
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=300)
