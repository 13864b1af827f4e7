"""Renders the templates of this folder, strictly: a name that a template does not know, or misses, is an error."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jinja2 import BaseLoader, ChoiceLoader, FileSystemLoader, StrictUndefined, Template, meta
from jinja2 import TemplateError as JinjaError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from heuresis.errors import ConfigError

_FOLDER = Path(__file__).resolve().parent
_ENDING = ".md.j2"
_OPTION = "--prompts"


class TemplateError(Exception):
    """A template and the values given to it do not fit: a bug of the caller."""


@dataclass(frozen=True)
class _Loaded:
    template: Template
    wanted: frozenset[str]
    """The names it uses."""


class _Templates:
    """Our templates, or in their place those of the same file name in a person's folder. Parsed once each."""

    def __init__(self, folder: Path | None) -> None:
        own = FileSystemLoader(_FOLDER)
        loader: BaseLoader = own if folder is None else ChoiceLoader([FileSystemLoader(folder), own])
        # Sandboxed: templates from elsewhere run no code. Nothing is escaped: no browser reads these texts.
        self._environment = ImmutableSandboxedEnvironment(
            loader=loader,
            undefined=StrictUndefined,
            autoescape=False,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        self._loaded: dict[str, _Loaded] = {}

    def load(self, name: str) -> _Loaded:
        if name not in self._loaded:
            if name not in names():
                raise TemplateError(f"no template {name!r}; there are: {', '.join(names())}")
            self._loaded[name] = _Loaded(self._environment.get_template(name + _ENDING), self.wanted(name))
        return self._loaded[name]

    def wanted(self, name: str) -> frozenset[str]:
        """The names that the template uses. Raises jinja2's error for one that cannot be parsed."""
        loader = self._environment.loader
        assert loader is not None
        source, _, _ = loader.get_source(self._environment, name + _ENDING)
        return frozenset(meta.find_undeclared_variables(self._environment.parse(source)))

    def render(self, name: str, /, **values: object) -> str:
        one = self.load(name)
        missing, unused = sorted(one.wanted - values.keys()), sorted(values.keys() - one.wanted)
        if missing or unused:
            raise TemplateError(f"{name}: missing {missing or 'nothing'}, unused {unused or 'nothing'}")
        return one.template.render(values)


def render(name: str, /, **values: object) -> str:
    """The text of `NAME.md.j2` with these values. Raises TemplateError for an unknown, missing or unused name."""
    return _ours().render(name, **values)


def renderer(folder: Path | None) -> Callable[..., str]:
    """`render`, with the templates of a person's folder in place of ours of the same file name.

    They are held to the same rule: each uses exactly the names that ours uses. Raises ConfigError that names the file
    otherwise, and for a file that replaces nothing.
    """
    if folder is None:
        return render
    replaced = _replaced(folder)
    templates = _Templates(folder)
    for name in replaced:
        _check(folder, name, templates)

    def render_theirs(name: str, /, **values: object) -> str:
        try:
            return templates.render(name, **values)
        except JinjaError as error:
            raise ConfigError(f"{_OPTION} {folder}", f"templates that render ({name})", str(error)) from error

    return render_theirs


def names() -> list[str]:
    """All templates, without the parts that they share, whose file names begin with `_`."""
    return [name for name in _all_names() if not name.startswith("_")]


def _all_names() -> list[str]:
    return sorted(path.name.removesuffix(_ENDING) for path in _FOLDER.glob("*" + _ENDING))


@functools.cache
def _ours() -> _Templates:
    return _Templates(None)


def _replaced(folder: Path) -> list[str]:
    """The names of the templates in a person's folder; hidden files are none of ours."""
    if not folder.is_dir():
        raise ConfigError(_OPTION, "a folder", str(folder))
    known = {name + _ENDING: name for name in _all_names()}
    files = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    for file in files:
        if file not in known:
            raise ConfigError(f"{_OPTION} {folder}", f"only files named like ours: {', '.join(known)}", file)
    return [known[file] for file in files]


def _check(folder: Path, name: str, templates: _Templates) -> None:
    """A replaced template can be parsed and uses the names that ours uses."""
    key = f"{_OPTION} {folder / (name + _ENDING)}"
    try:
        theirs = templates.wanted(name)
    except (JinjaError, UnicodeDecodeError) as error:
        raise ConfigError(key, "a Jinja template", str(error)) from error
    ours = _ours().wanted(name)
    if theirs != ours:
        expected = f"the names {', '.join(sorted(ours)) or 'that ours uses: none'}"
        missing, unknown = sorted(ours - theirs), sorted(theirs - ours)
        raise ConfigError(key, expected, f"missing {missing or 'nothing'}, unknown {unknown or 'nothing'}")
