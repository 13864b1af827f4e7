"""Programs that a check writes: from the declared signatures, or around a seed where they do not say enough. Pure.

An answer is made *like* a template: zeros, random numbers, NaN, ... of its type and shape. The template follows from
the signature (`pack(n: int) -> float[n,3]`: zeros of shape (n, 3)); for types that a signature cannot describe it is
what a seed answers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from heuresis.evaluators.signature import EntryPoint, Parameter

_PLAIN = {"float": "0.0", "int": "0", "bool": "False", "str": "''", "bytes": "b''", "list": "[]", "dict": "{}",
          "tuple": "()"}  # fmt: skip
_NAME = re.compile(r"[A-Za-z_]\w*")

FILLERS = {
    "zeros": "{'float': 0.0, 'int': 0, 'bool': False}[kind]",
    "ones": "{'float': 1.0, 'int': 1, 'bool': True}[kind]",
    "halves": "{'float': 0.5, 'int': 1, 'bool': True}[kind]",
    "random": "{'float': _rng.random(), 'int': _rng.randrange(span), 'bool': _rng.random() < 0.5}[kind]",
    "NaN": "float('nan')",
    "infinity": "float('inf')",
    "minus infinity": "-float('inf')",
    "huge": "{'float': 1e300, 'int': 2**62, 'bool': True}[kind]",
    "minus huge": "{'float': -1e300, 'int': -(2**62), 'bool': False}[kind]",
}
"""Name -> what stands for one number of this kind."""

_LIKE = """
import random as _random

_rng = _random.Random(1)


def _one(kind, span):
    return {filler}


def _span(args):
    for value in args:
        if hasattr(value, "__len__") and len(value):
            return len(value)
    return max([2, *(value for value in args if type(value) is int and value < 1 << 20)])


def _array_like(value, span):
    import numpy as np

    if {ordered} and value.ndim == 1 and value.dtype.kind in "iu":
        order = list(range(len(value)))
        if {shuffled}:
            _rng.shuffle(order)
        return np.array(order, dtype=value.dtype)
    kind = {{"b": "bool", "i": "int", "u": "int"}}.get(value.dtype.kind, "float")
    return np.array([_one(kind, span) for _ in range(value.size)]).reshape(value.shape)


def _like(value, args):
    kind = type(value)
    if hasattr(value, "dtype"):
        if getattr(value, "shape", ()) == ():
            return _like(value.item(), args)
        return _array_like(value, _span(args))
    if kind in (float, int, bool):
        return _one(kind.__name__, _span(args))
    if kind in (list, tuple):
        return kind(_like(item, args) for item in value)
    if kind is dict:
        return {{key: _like(item, args) for key, item in value.items()}}
    return value if value is None or kind in (str, bytes) else _Masked(value)


class _Masked:
    def __init__(self, real):
        self._real = real

    def __getattr__(self, name):
        real = getattr(self._real, name)
        return (lambda *args, **kwargs: _like(real(*args, **kwargs), args)) if callable(real) else real
"""

_FIT = """
def _fit(value, wanted):
    if hasattr(wanted, "dtype") and getattr(wanted, "shape", ()) != ():
        import numpy as np

        value = np.asarray(value)
        if value.shape != wanted.shape or value.dtype.kind not in "fiub":
            raise TypeError("does not fit")
        return value.astype(wanted.dtype)
    if hasattr(value, "item"):
        value = value.item()
    if type(wanted) in (float, int, bool):
        if not isinstance(value, (float, int)) or (type(wanted) is not float and int(value) != value):
            raise TypeError("does not fit")
        return type(wanted)(value)
    if type(value) is not type(wanted):
        raise TypeError("does not fit")
    return value
"""

_ARRAY_VIEWS = {
    "{}": "{}",
    "{}, its sign turned": "-np.asarray({})",
    "{}, sorted": "np.sort({})",
    "the order of {}": "np.argsort({})",
    "the last column of {}": "np.asarray({})[..., -1]",
    "the first column of {}": "np.asarray({})[..., 0]",
    "the row sums of {}": "np.asarray({}).sum(axis=-1)",
    "the last of {}": "{}[-1]",
    "the first of {}": "{}[0]",
    "the largest of {}": "np.max({})",
    "the smallest of {}": "np.min({})",
    "the mean of {}": "np.mean({})",
    "where {} is largest": "np.argmax({})",
    "where {} is smallest": "np.argmin({})",
}
_NUMBER_VIEWS = {"{}": "{}", "{}, its sign turned": "-{}"}
_OTHER_VIEWS = {
    "{}": "{}",
    "what {}() returns": "{}()",
    "what {}(0) returns": "{}(0)",
    "the first value of {}": "list({}.values())[0]",
    "the last value of {}": "list({}.values())[-1]",
}
"""What a cheat makes of an argument: in words -> as code."""


@dataclass(frozen=True)
class Written:
    """A program with a name for the report."""

    name: str
    source: str


def filled(entries: Sequence[EntryPoint], seed: str, filler: str, order: str = "") -> str:
    """A program whose every answer is filled in this way (`FILLERS`).

    With `order` rows of whole numbers are put in order ("rising") or shuffled ("shuffled") instead: what a tour or a
    permutation asks for.
    """
    templates = [template(entry) for entry in entries]
    parts = [seed] if None in templates else []
    if any(made and "np." in made for made in templates):
        parts.append("import numpy as np\n")
    parts.append(_LIKE.format(filler=FILLERS[filler], ordered=bool(order), shuffled=order == "shuffled"))
    for entry, made in zip(entries, templates, strict=True):
        parts.append(_masked(entry) if made is None else _answering(entry, f"_like({made}, ({_arguments(entry)}))"))
    return "\n\n".join(parts)


def is_permutation(entries: Sequence[EntryPoint]) -> bool:
    """Whether an answer may be an order: a row of whole numbers, or something the signature does not describe."""
    return any(entry.returns.startswith("int[") or template(entry) is None for entry in entries)


def answering(entries: Sequence[EntryPoint], expression: str) -> str:
    """A program that answers every call with this expression."""
    return "\n\n".join(_answering(entry, expression) for entry in entries)


def slowed(entries: Sequence[EntryPoint], source: str, seconds: float, every: int) -> str:
    """The program, asleep for so long at the first and then at each so many calls of its entry points."""
    lines = [
        "import time as _time\n_calls = [0]\n\n",
        "def _slowed(function):\n    def slow(*args, **kwargs):\n",
        f"        if _calls[0] % {every} == 0:\n            _time.sleep({seconds!r})\n",
        "        _calls[0] += 1\n        return function(*args, **kwargs)\n    return slow\n\n",
        *(f"{entry.name} = _slowed({entry.name})\n" for entry in entries),
    ]
    return f"{source}\n\n{''.join(lines)}"


def peeks(entries: Sequence[EntryPoint], known_good: str) -> list[Written]:
    """The known good, one entry point of which returns an argument instead, or something simple made from it."""
    return [
        Written(f"{entry.name} returns {words.format(f'`{parameter}`')}", _peek(entry, known_good, code, parameter))
        for entry in entries
        for parameter, kind in _places(entry)
        for words, code in _views(kind).items()
    ]


def template(entry: EntryPoint) -> str | None:
    """Python text of a zero answer of the declared type, in terms of the arguments; None where it cannot be told."""
    kind, bracket, inside = entry.returns.strip().partition("[")
    if not bracket:
        return _PLAIN.get(kind)
    sizes = [_size(one.strip(), entry) for one in inside.removesuffix("]").split(",")]
    if kind not in ("float", "int", "bool") or None in sizes:
        return None
    return f"np.zeros(({', '.join(map(str, sizes))},), dtype={kind})"


def _size(text: str, entry: EntryPoint) -> str | None:
    """`n` is a whole argument of this name, or what an array argument calls its axis; `n + 1` follows from it."""
    if not re.fullmatch(r"[\w\s+\-*/()]+", text):
        return None
    known = {name: _where(name, entry) for name in _NAME.findall(text)}
    if None in known.values():
        return None
    return _NAME.sub(lambda match: str(known[match.group()]), text).replace("/", "//")


def _where(name: str, entry: EntryPoint) -> str | None:
    for parameter in entry.parameters:
        if _bare(parameter) == name and _kind(parameter) == "int":
            return name
        axes = [axis.strip() for axis in _kind(parameter).partition("[")[2].removesuffix("]").split(",")]
        if name in axes:
            return f"np.shape({_bare(parameter)})[{axes.index(name)}]"
    return None


def _bare(parameter: Parameter) -> str:
    return parameter.name.partition("=")[0].strip()


def _kind(parameter: Parameter) -> str:
    return parameter.type.partition("=")[0].strip()


def _arguments(entry: EntryPoint) -> str:
    """As the inside of a tuple; of any length."""
    return "".join(f"{_bare(parameter)}, " for parameter in entry.parameters)


def _answering(entry: EntryPoint, expression: str) -> str:
    named = [
        f"{_bare(one)}={default.strip()}" if (default := f"{one.name}:{one.type}".partition("=")[2]) else _bare(one)
        for one in entry.parameters
    ]
    return f"def {entry.name}({', '.join(named)}):\n    return {expression}\n"


def _masked(entry: EntryPoint) -> str:
    """The seed's own answer is the template."""
    seed = f"_seed_{entry.name}"
    return (
        f"{seed} = {entry.name}\n\n\n"
        f"def {entry.name}(*args, **kwargs):\n    return _like({seed}(*args, **kwargs), args)\n"
    )


def _places(entry: EntryPoint) -> list[tuple[str, str]]:
    """Arguments with their types; of an entry point that returns an object, those of the object's methods."""
    if entry.returns == entry.name:
        return [("args[0]", "?"), ("args[1]", "?")]
    return [(_bare(parameter), _kind(parameter)) for parameter in entry.parameters if _bare(parameter).isidentifier()]


def _views(kind: str) -> dict[str, str]:
    if "[" in kind:
        return _ARRAY_VIEWS
    if kind in ("float", "int", "bool"):
        return _NUMBER_VIEWS
    return {**_ARRAY_VIEWS, **_OTHER_VIEWS} if kind in ("", "?", "list", "array") else _OTHER_VIEWS


def _peek(entry: EntryPoint, known_good: str, code: str, parameter: str) -> str:
    seed = f"_seed_{entry.name}"
    view = code.format(parameter)
    made = template(entry)
    numpy = "import numpy as np\n" if "np." in f"{view} {made}" else ""
    head = f"{known_good}\n\n{numpy}{_FIT}\n\n{seed} = {entry.name}\n"
    if entry.returns == entry.name:
        return f"{head}{_PEEKING.format(name=entry.name, seed=seed, view=view)}"
    wanted = made or f"{seed}({_arguments(entry)})"
    return f"{head}\n\n{_answering(entry, f'_fit({view}, {wanted})')}"


_PEEKING = """

class _Peeking:
    def __init__(self, real):
        self._real = real

    def __getattr__(self, name):
        real = getattr(self._real, name)

        def method(*args, **kwargs):
            value = real(*args, **kwargs)
            if value is None:
                return None
            if type(value) not in (float, int, bool) and not hasattr(value, "dtype"):
                return _Peeking(value)
            return _fit({view}, value)

        return method


def {name}(*args, **kwargs):
    return _Peeking({seed}(*args, **kwargs))
"""
