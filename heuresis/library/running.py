"""`run`: a search from Python, with the command line's meaning for everything."""

from __future__ import annotations

import signal
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from heuresis.agent.asking import Asking
from heuresis.agent.budget import Budget
from heuresis.agent.campaign import Campaign
from heuresis.agent.models.protocol import Model
from heuresis.archive.store import Store
from heuresis.errors import ConfigError
from heuresis.library import planning
from heuresis.library.archive import Archive
from heuresis.library.arguments import ProblemLike, check_flags, check_whole, problem_name, texts
from heuresis.library.defaults import DEFAULT_STORAGE
from heuresis.library.driving import drive, stopping
from heuresis.library.hooks import Hook, checked_hooks
from heuresis.library.mistakes import check_started, in_python
from heuresis.library.ran import Ran, ran_of


@in_python()
def run(
    problem: ProblemLike,
    *,
    method: str | None = None,
    name: str | None = None,
    seed: int = 0,
    storage: str = DEFAULT_STORAGE,
    settings: Mapping[str, object] | None = None,
    method_settings: Mapping[str, object] | None = None,
    workers: int | None = None,
    evaluations: int | None = None,
    minutes: float | None = None,
    target: float | None = None,
    patience: int | None = None,
    model: str | Model | None = None,
    api_base: str | None = None,
    max_usd: float | None = None,
    max_tokens: int | None = None,
    max_calls: int | None = None,
    price: str | tuple[float, float] | None = None,
    stream: bool = False,
    prompts: str | Path | None = None,
    concurrency: int = 8,
    call_seconds: float = 300.0,
    hooks: Sequence[Hook] = (),
    isolation: str = "auto",
    min_isolation: str = "",
    device: str = "auto",
    unsafe_no_sandbox: bool = False,
    racing: bool = True,
) -> Ran:
    """Search for a better program. The same call goes on where it stopped, as `heuresis run` does.

        done = heuresis.run("online_bin_packing", evaluations=200)
        print(done.reason, done.best.value, done.best.code)

    What it is about:
      problem: a name, a reference (`package.module:Class`, `path/to/file.py:Class`), or a class derived from Problem.
      settings: parameters of the problem, by name; `instances` is the path of your own instances.
      method: by default `genetic`, with a model `funsearch`. method_settings: its settings, by name.
      name: of the campaign; by default PROBLEM-METHOD. A campaign goes on with the settings it was begun with.
      seed: of every random choice. storage: the store, made where there is none.

    When it ends (limits count over all runs of the campaign; with none given it keeps its own, else ten minutes):
      evaluations: verdicts made. minutes: of running. target: the metric has reached this value.
      patience: so many evaluations without a new best.
      max_usd, max_tokens, max_calls: of the model; no call is made that could pass them.

    With a language model:
      model: a name, or an object with the methods of `heuresis.agent.models.protocol.Model`. api_base: its address.
      price: (in, out) in USD per million tokens, where it is not known. stream: ask for streamed replies.
      prompts: a folder of templates that replace ours. concurrency: calls in flight. call_seconds: of one call.

    How it runs:
      workers: referees, by default one per core. hooks: objects of classes derived from `heuresis.Hook`.
      isolation: the kind of jail. min_isolation: take no weaker one. unsafe_no_sandbox: where no jail works, run
      programs WITHOUT one. device: for problems that want a GPU: auto, cpu, cuda:N or GPU-UUID.
      racing: whether programs that are clearly behind are stopped early (docs/problems.md).

    Ctrl-C, and a hook's `running.stop()`, end it cleanly: everything judged is kept. After Ctrl-C KeyboardInterrupt is
    raised once that is done; a second one does not wait. On another thread than the main one there is no Ctrl-C.

    Raises ConfigError for a mistake, before anything is spent; Unavailable when a part of ours stays gone. A script
    calls it under `if __name__ == "__main__":`, because the referee imports the script that defines a problem.
    """
    check_started("run")
    check_whole("seed", seed)
    check_flags(stream=stream, unsafe_no_sandbox=unsafe_no_sandbox, racing=racing)
    observers = checked_hooks(hooks)
    budget = Budget(evaluations, minutes, target, patience, max_usd, max_tokens, max_calls)
    asking = asking_of(model, api_base, price, stream, concurrency, call_seconds, prompts)
    planning.check_alone(asking, budget)
    chosen = planning.method_or_default(method, asking)
    pairs = texts("settings", settings), texts("method_settings", method_settings)
    campaign = planning.checked(
        Campaign(
            problem_name(problem),
            chosen,
            name or "",
            *pairs,
            seed,
            isolation,
            unsafe_no_sandbox,
            min_isolation=min_isolation,
            device=device,
            racing=racing,
            budget=budget,
            asking=asking,
        )
    )
    with Store.open(storage) as store:
        return _run(planning.with_budget(campaign, store), store, checked_workers(workers), observers)


def _run(campaign: Campaign, store: Store, workers: int, hooks: Sequence[Hook]) -> Ran:
    known = store.campaign(campaign.name)
    if known is not None:
        campaign.prepare(store)  # settings that differ are told first
        reason = planning.finished_already(campaign, store)
        if reason:
            return ran_of(Archive(store), store, known, reason)
    stop, asked = threading.Event(), threading.Event()
    with stopping(stop, (signal.SIGINT,), lambda text: asked.set()):
        ran = drive(campaign, store, workers, hooks, stop)
    if asked.is_set():
        raise KeyboardInterrupt
    return ran


def asking_of(
    model: str | Model | None,
    api_base: str | None,
    price: str | tuple[float, float] | None,
    stream: bool,
    concurrency: int,
    call_seconds: float,
    prompts: str | Path | None,
) -> Asking:
    """How the model is asked. Nothing is loaded or sent."""
    named = model if isinstance(model, str) else ""
    if model is not None and not named and not hasattr(model, "complete"):
        raise ConfigError("model", "a name, or an object with the method complete", model)
    words = ",".join(f"{one:g}" for one in price) if isinstance(price, tuple) else price or ""
    own = None if isinstance(model, str) else model
    folder = None if prompts is None else Path(prompts)
    return Asking(named, own, api_base, words, stream, concurrency, call_seconds, folder)


def checked_workers(workers: int | None) -> int:
    """Referees; by default one per core."""
    if workers is not None and (type(workers) is not int or not 1 <= workers <= 1024):
        raise ConfigError("workers", "a whole number from 1 to 1024", workers)
    return workers or planning.cores()
