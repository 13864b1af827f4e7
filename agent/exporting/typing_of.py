"""The `__init__.py` of an exported package: entry points with types and words, made from the problem's signatures."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from heuresis.evaluators.signature import EntryPoint, Parameter

_SCALARS = ("bool", "bytes", "complex", "float", "int", "str")
_ARRAYS = {"float": "np.float64", "int": "np.int64", "bool": "np.bool_", "complex": "np.complex128"}
_WORDS = {
    "float": "64 bit floats", "int": "64 bit integers", "bool": "truth values", "complex": "128 bit complex numbers"
}  # fmt: skip
_ANY = ("*args: Any, **kwargs: Any", "*args, **kwargs")
_TYPE = re.compile(r"(\w+)\s*(\[.*\])?", re.DOTALL)


def init_text(module: str, beside: Sequence[str], entries: Sequence[EntryPoint], about: str) -> str:
    """`beside`: the names by which a program's several files, in the folder `files`, import each other."""
    body = "\n\n".join(_entry(entry) for entry in entries)
    names = ", ".join(f'"{entry.name}"' for entry in entries)
    return "\n".join([f'"""{quoted(about)}\n"""', "", *_head(module, beside, body), f"__all__ = [{names}]\n\n", body])


def quoted(text: str) -> str:
    """As the inside of a docstring."""
    return text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"').rstrip('"')


def _head(module: str, beside: Sequence[str], body: str) -> Iterator[str]:
    yield "from __future__ import annotations\n"
    if not beside:
        yield "import importlib"
    arrays = "NDArray" in body
    yield f"from typing import {'TYPE_CHECKING, ' if arrays else ''}Any\n"
    if arrays:
        yield "if TYPE_CHECKING:\n    import numpy as np\n    from numpy.typing import NDArray\n"
    if beside:
        names = ", ".join(f'"{name}"' for name in beside)
        yield f"from {module}.own_files import load\n"
        yield "# The program's files import each other by these names, as they did in the search."
        yield f"_program: Any = load(__name__, [{names}])\n"
    else:
        yield f'_program: Any = importlib.import_module("{module_of(module, False)}")\n'


def module_of(module: str, beside: bool) -> str:
    """Where the program itself is."""
    return f"{module}.files.program" if beside else f"{module}.program"


def _entry(entry: EntryPoint) -> str:
    if entry.returns == entry.name:
        return f"{entry.name}: type[Any] = _program.{entry.name}\n"
    text = _function(entry, *_parameters(entry.parameters))
    try:
        ast.parse(text)
    except SyntaxError:  # a signature that is told in a way of its own
        text = _function(entry, *_ANY)
    return text


def _function(entry: EntryPoint, inside: str, passed: str) -> str:
    returns = python_type(entry.returns)
    axes = "; letters in brackets are lengths of axes" if "[" in entry.signature else ""
    return (
        f"def {entry.name}({inside}) -> {returns}:\n"
        f'    """`{quoted(" ".join(entry.signature.split()))}`{axes}."""\n'
        f"    answer: {returns} = _program.{entry.name}({passed})\n"
        f"    return answer\n"
    )


def _parameters(parameters: Sequence[Parameter]) -> tuple[str, str]:
    """How they are declared, and how they are passed on."""
    return ", ".join(map(_declared, parameters)), ", ".join(one.name for one in parameters)


def _declared(parameter: Parameter) -> str:
    kind, equals, default = parameter.type.partition("=")
    value = f" = {default.strip()}" if equals and _is_literal(default) else ""
    return f"{parameter.name}: {python_type(kind)}{value}"


def _is_literal(text: str) -> bool:
    try:
        ast.literal_eval(text.strip())
    except (SyntaxError, ValueError):
        return False
    return True


def array_words(kind: str) -> str:
    """What an array type means: `float[n,3]` is a NumPy array of 64 bit floats, of lengths n and 3. Else empty."""
    kind = kind.partition("=")[0].strip()
    match = _TYPE.fullmatch(kind)
    if match is None or match.group(2) is None or match.group(1) not in _WORDS:
        return ""
    axes = [axis.strip() for axis in match.group(2)[1:-1].split(",")]
    lengths = f"one axis of length {axes[0]}" if len(axes) == 1 else f"axes of lengths {', '.join(axes)}"
    return f"`{kind}` is a NumPy array of {_WORDS[match.group(1)]} with {lengths}."


def python_type(kind: str) -> str:
    """`float` is float, `float[n]` a NumPy array of 64 bit floats; what has no such meaning is Any."""
    match = _TYPE.fullmatch(kind.strip())
    if match is None:
        return "Any"
    name, axes = match.groups()
    if axes is None:
        return name if name in (*_SCALARS, "None") else "Any"
    return f"NDArray[{_ARRAYS[name]}]" if name in _ARRAYS else "Any"
