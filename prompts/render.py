"""Renders a template of this folder, strictly: a name that the template does not know, or misses, is an error."""

from __future__ import annotations

import functools
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, meta

_FOLDER = Path(__file__).resolve().parent


class TemplateError(Exception):
    """A template and the values given to it do not fit: a bug of the caller."""


def render(name: str, /, **values: object) -> str:
    """The text of `NAME.md.j2` with these values. Raises TemplateError for an unknown, missing or unused name."""
    template, wanted = _load(name)
    missing, unused = sorted(wanted - values.keys()), sorted(values.keys() - wanted)
    if missing or unused:
        raise TemplateError(f"{name}: missing {missing or 'nothing'}, unused {unused or 'nothing'}")
    return template.render(values)


def names() -> list[str]:
    """All templates."""
    return sorted(path.name.removesuffix(".md.j2") for path in _FOLDER.glob("*.md.j2"))


@functools.cache
def _load(name: str) -> tuple[Template, frozenset[str]]:
    """The template and the names it uses."""
    if name not in names():
        raise TemplateError(f"no template {name!r}; there are: {', '.join(names())}")
    environment = _environment()
    source = (_FOLDER / f"{name}.md.j2").read_text(encoding="utf-8")
    return environment.from_string(source), frozenset(meta.find_undeclared_variables(environment.parse(source)))


@functools.cache
def _environment() -> Environment:
    """Nothing is escaped: the texts are read by people and models, never by a browser."""
    return Environment(
        loader=FileSystemLoader(_FOLDER),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
