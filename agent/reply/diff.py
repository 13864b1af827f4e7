"""A program out of a reply that edits its parent by SEARCH/REPLACE blocks."""

from __future__ import annotations

from collections.abc import Sequence

from heuresis.agent.reply.code import fault, in_words_missing, left_out, missing
from heuresis.agent.reply.draft import Draft, Unusable
from heuresis.agent.reply.edits import FORM, Edit, edits
from heuresis.agent.reply.full import full_text
from heuresis.agent.reply.marked import RULE
from heuresis.agent.reply.places import Found, Place, find, indentation, moved, trimmed
from heuresis.agent.reply.text import CUT, cleaned
from heuresis.agent.syntax import changed_outside_blocks
from heuresis.evaluators.gate import MAX_CHARACTERS
from heuresis.evaluators.signature import EntryPoint
from heuresis.program import MAIN_FILE, Program

_MOST_QUOTED = 8
"""Lines of the file in a refusal."""


def apply_diff(reply: str, parent: Program, truncated: bool, entry_points: Sequence[EntryPoint] = ()) -> Draft:
    """The parent with the reply's edits, each made in the text that the edits before it left. Raises Unusable.

    An edit is made where its SEARCH lines stand, or nearly stand, once (`places`), never by choosing one of several.
    A reply without edits is read as a whole program if the entry points are given.
    """
    text = cleaned(reply)
    written = edits(text, truncated)
    if not written.edits:
        return _without_edits(text, parent, truncated, entry_points)
    files = dict(parent.files)
    for edit in written.edits:
        path = _path(edit, files)
        files[path] = _edited(files[path], path, edit)
    _check(files, parent, entry_points)
    return Draft(Program(files), written.prose)


def _without_edits(text: str, parent: Program, truncated: bool, entry_points: Sequence[EntryPoint]) -> Draft:
    expected = f"Expected edits of this form: {FORM}."
    if any(line.startswith("@@") for line in text.split("\n")):
        raise Unusable(f"{expected} Found a unified diff (lines with @@), which is not read.")
    if not entry_points:
        raise Unusable(f"{CUT} {expected}" if truncated else f"{expected} The reply has none.")
    try:
        draft = full_text(text, parent, entry_points, truncated)
    except Unusable as error:
        raise Unusable(f"{expected} The reply has none, and no whole program either: {error}") from error
    if draft.program == parent:
        raise Unusable("The reply leaves the program as it is.")
    return draft


def _path(edit: Edit, files: dict[str, str]) -> str:
    """The file that the edit names; without a name the only one in which its lines stand, or the main file."""
    if edit.path is not None:
        path = edit.path.removeprefix("./")
        if path in files:
            return path
        if len(files) > 1:
            raise Unusable(f"Edit {edit.number} names the file {path!r}; the program has {', '.join(files)}.")
        return MAIN_FILE
    if len(files) == 1:
        return MAIN_FILE
    holding = [path for path, text in files.items() if any("\n".join(search) in text for search, _ in edit.readings)]
    return holding[0] if len(holding) == 1 else MAIN_FILE


def _edited(text: str, path: str, edit: Edit) -> str:
    if len(text) > MAX_CHARACTERS:
        raise Unusable(f"After the edits before it {path} has more than {MAX_CHARACTERS:,} characters.")
    newline = "\r\n" if 0 < text.count("\n") == text.count("\r\n") else "\n"
    lines = text.split(newline)
    results = [(find(lines, search), search, replacement) for search, replacement in edit.readings]
    fitting = [result for result in results if len(result[0].places) == 1]
    if len(fitting) != 1:
        raise Unusable(_refusal(lines, path, edit, results[0][0], len(fitting)))
    found, search, replacement = fitting[0]
    return newline.join(_replaced(lines, found.places[0], search, replacement))


def _replaced(lines: Sequence[str], place: Place, search: Sequence[str], replacement: Sequence[str]) -> list[str]:
    old = list(lines[place.start : place.end])
    if old != list(search):
        replacement = _fitted(old, search, replacement)
    return [*lines[: place.start], *replacement, *lines[place.end :]]


def _fitted(old: Sequence[str], search: Sequence[str], replacement: Sequence[str]) -> list[str]:
    """The replacement with the indentation of the lines in the file, and without the blank lines that search adds."""
    new = trimmed(replacement) if len(trimmed(search)) < len(search) else list(replacement)
    search = trimmed(search)
    head = indentation(old[:1])
    if new and head and _lost_first_indentation(old, search, new):
        search, new = [head + search[0], *search[1:]], [head + new[0], *new[1:]]
    return moved(new, indentation(search), indentation(old))


def _lost_first_indentation(old: Sequence[str], search: Sequence[str], new: Sequence[str]) -> bool:
    """Did the reply trim its two parts as wholes, so that only their first lines are out of place?"""
    rest = indentation(search[1:])
    return rest != "" and rest == indentation(old[1:]) and not indentation(search[:1]) + indentation(new[:1])


def _refusal(lines: Sequence[str], path: str, edit: Edit, found: Found, fitting: int) -> str:
    head = f"The SEARCH lines of edit {edit.number}"
    if fitting > 1:
        return f"Edit {edit.number} has several lines of equals signs, and more than one of them may divide it."
    if found.places:
        starts = ", ".join(str(place.start + 1) for place in found.places[:10])
        alike = "stand" if found.places[0].likeness == 1 else "nearly stand"
        return (
            f"{head} {alike} in {len(found.places)} places of {path} (lines {starts}); they must name one. "
            f"Quote more of the lines around the place that is meant.\n{_quoted(lines, found.places[0])}"
        )
    if found.nearest is None:
        return f"{head} stand in no place of {path}. Copy them from the program as it is, character by character."
    return (
        f"{head} stand in no place of {path}. The closest lines are:\n{_quoted(lines, found.nearest)}\n"
        "Copy the lines as they are, character by character."
    )


def _quoted(lines: Sequence[str], place: Place) -> str:
    shown = range(place.start, min(place.end, place.start + _MOST_QUOTED))
    rest = ["..."] if place.end - place.start > _MOST_QUOTED else []
    return "\n".join([*(f"{index + 1:4}: {lines[index][:120]}" for index in shown), *rest])


def _check(files: dict[str, str], parent: Program, entry_points: Sequence[EntryPoint]) -> None:
    if files == dict(parent.files):
        raise Unusable("The edit leaves the program as it is: SEARCH and REPLACE part are the same.")
    for path, text in files.items():
        before = parent.files[path]
        if changed_outside_blocks(before, text):
            raise Unusable(f"The edit changes {path} outside its marked blocks. {RULE}")
        placeholder = left_out(text, before)
        if placeholder is not None:
            raise Unusable(f"The comment `{placeholder}` leaves code out. Write every line of the REPLACE part.")
        problem = fault(text) if path.endswith(".py") and text != before else None
        if problem is not None and fault(before) is None:
            raise Unusable(f"After the edit {path} cannot be read as Python: {problem.reason}.")
    text = files[MAIN_FILE]
    if fault(text) is None and (lacking := missing(text, entry_points)):
        raise Unusable(f"After the edit: {in_words_missing(text, lacking)}")
