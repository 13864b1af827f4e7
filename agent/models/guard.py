"""What every model does around its call: in time, without a secret, and with no error but `ModelFault`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from heuresis.agent.models.deadline import Leash, within
from heuresis.agent.models.keys import scrub
from heuresis.agent.models.protocol import Completion, ModelFault
from heuresis.archive.calls import Fault

LONGEST_FAULT_BODY = 65_536
"""Characters of what came instead of a reply; enough to see what it was."""


def guarded(seconds: float, call: Callable[[Leash], Completion], keys: tuple[str, ...] = ()) -> Completion:
    """What `call` returns, cleaned of `keys` and the environment's secrets. Raises ModelFault and nothing else.

    Texts are cleaned of lone surrogates too: JSON can spell them, UTF-8 cannot store them.
    """
    return within(seconds, lambda leash: _cleaned(call, leash, keys))


def _cleaned(call: Callable[[Leash], Completion], leash: Leash, keys: tuple[str, ...]) -> Completion:
    try:
        return _clean(call(leash), keys)
    except ModelFault as error:
        fault = error
    # In a thread of its own, so that Ctrl-C is not meant. The fault goes to the caller, who asks again or gives up.
    except BaseException as error:
        fault = ModelFault(Fault.CRASHED, f"{type(error).__name__}: {_text(error)}", may_be_paid=True)
    # Outside of the handlers: libraries keep the request, with its key, in their errors. None may hang on to the fault.
    raise _clean_fault(fault, keys)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # a broken __str__ of somebody's exception; its type is told all the same
        return "(no text)"


def _clean(completion: Completion, keys: tuple[str, ...]) -> Completion:
    return replace(
        completion,
        text=_plain(completion.text, keys),
        finish=_plain(completion.finish, keys),
        model=_plain(completion.model, keys),
        raw=_plain(completion.raw, keys),
    )


def _clean_fault(fault: ModelFault, keys: tuple[str, ...]) -> ModelFault:
    return ModelFault(
        fault.fault,
        _plain(str(fault), keys),
        may_be_paid=fault.may_be_paid,
        retry_after=fault.retry_after,
        tokens=fault.tokens,
        raw=_plain(fault.raw, keys)[:LONGEST_FAULT_BODY],
    )


def _plain(text: str, keys: tuple[str, ...]) -> str:
    return scrub(text.encode("utf-8", "replace").decode("utf-8"), keys)
