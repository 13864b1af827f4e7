"""Where in a text the lines of a SEARCH part stand: exactly, by other spacing, or nearly and nowhere else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from re import findall

CLOSE_ENOUGH = 0.85
"""Least likeness of a place that is taken although its words differ. A guess of ours, on purpose high: an edit in the
wrong place costs an evaluation, a refusal costs one more reply."""
CLEARLY_BETTER = 0.1
"""By so much its likeness must exceed that of every place that does not overlap it."""
MOST_COUNTED = 20
"""Places beyond these are not counted."""
MOST_WORDS = 600
"""Likewise longer SEARCH parts: this and MOST_LINES bound the work, about a tenth of a second for an edit."""
LEAST_WORDS = 5
"""SEARCH parts with fewer must stand as they are, but for spacing."""
MOST_LINES = 2_000
"""In longer texts only lines that stand as they are, but for spacing, are found."""
_MORE_LINES = 2
"""A place may have so many lines more or fewer than the SEARCH part."""
_MOST_COMPARED = 60
"""Word by word, out of all the places; those that share most words come first."""


@dataclass(frozen=True)
class Place:
    """Lines of the text, `end` excluded, counted from 0."""

    start: int
    end: int
    likeness: float = 1.0


@dataclass(frozen=True)
class Found:
    places: tuple[Place, ...]
    """One, if the lines stand in one place; several when it cannot be told which is meant."""
    nearest: Place | None = None
    """The most similar place, when there is none to take."""


def find(text: Sequence[str], search: Sequence[str]) -> Found:
    """The places of the search lines, by the first of four ways that finds any.

    As they stand; without trailing spaces and outer blank lines; shifted to another indentation as a whole; nearly.
    Work is bounded by the length of the text times a constant, whatever the lines are: no alignment of lines by
    difflib, whose time grows with the cube of their number in the worst case.
    """
    for exactly in (_as_they_stand, _without_trailing_spaces, _shifted):
        places = exactly(text, search)
        if places:
            return Found(tuple(places))
    return _nearly(text, search)


def _as_they_stand(text: Sequence[str], search: Sequence[str]) -> list[Place]:
    return _windows(text, search)


def _without_trailing_spaces(text: Sequence[str], search: Sequence[str]) -> list[Place]:
    return _windows([line.rstrip() for line in text], [line.rstrip() for line in trimmed(search)])


def _shifted(text: Sequence[str], search: Sequence[str]) -> list[Place]:
    """Blank lines count for nothing; the indentation of all other lines differs by the same amount."""
    filled = [index for index, line in enumerate(text) if line.strip()]
    wanted = [line for line in search if line.strip()]
    windows = _windows([text[index].strip() for index in filled], [line.strip() for line in wanted])
    places = []
    for window in windows:
        lines = [text[index] for index in filled[window.start : window.end]]
        if _shape(lines) == _shape(wanted):
            places.append(Place(filled[window.start], filled[window.end - 1] + 1))
    return places


def _windows(text: Sequence[str], search: Sequence[str]) -> list[Place]:
    """Whole lines, overlapping places included. `str.find` takes linear time."""
    body, needle = "\n" + "\n".join(text) + "\n", "\n" + "\n".join(search) + "\n"
    places: list[Place] = []
    position, line = -1, 0
    while len(places) < MOST_COUNTED:
        following = body.find(needle, position + 1)
        if following < 0:
            break
        line += body.count("\n", max(position, 0), following)
        places.append(Place(line, line + len(search)))
        position = following
    return places


def trimmed(lines: Sequence[str]) -> list[str]:
    """Without blank lines at either end."""
    filled = [index for index, line in enumerate(lines) if line.strip()]
    return list(lines[filled[0] : filled[-1] + 1]) if filled else []


def indentation(lines: Sequence[str]) -> str:
    """The white space that all lines begin with, blank ones aside."""
    heads = [line[: len(line) - len(line.lstrip())] for line in lines if line.strip()]
    least, most = min(heads, default=""), max(heads, default="")
    same = next((index for index, pair in enumerate(zip(least, most, strict=False)) if len(set(pair)) > 1), len(least))
    return least[:same]


def _shape(lines: Sequence[str]) -> list[str]:
    common = len(indentation(lines))
    return [line[common:].rstrip() for line in lines]


def _nearly(text: Sequence[str], search: Sequence[str]) -> Found:
    filled = [index for index, line in enumerate(text) if line.strip()]
    words = _words(search)
    if not filled or not words or len(words) > MOST_WORDS or len(filled) > MOST_LINES:
        return Found(())
    ranked = _likely([_words([text[index]]) for index in filled], words, sum(1 for line in search if line.strip()))
    scored = [Place(filled[start], filled[end - 1] + 1, _likeness(words, inside)) for start, end, inside in ranked]
    best = max(scored, key=lambda place: (place.likeness, place.start - place.end), default=None)
    if best is None:
        return Found(())
    rivals = [place.likeness for place in scored if place.end <= best.start or place.start >= best.end]
    clear = best.likeness - max(rivals, default=0.0) >= CLEARLY_BETTER
    if best.likeness < CLOSE_ENOUGH or len(words) < LEAST_WORDS:
        return Found((), best)
    return Found((best,)) if clear else Found(_apart(scored, best), best)


def _apart(scored: Sequence[Place], best: Place) -> tuple[Place, ...]:
    """The best place and those that are nearly as good, one out of each that overlap."""
    kept = [best]
    for place in sorted(scored, key=lambda place: -place.likeness):
        alike = best.likeness - place.likeness < CLEARLY_BETTER
        if alike and all(place.end <= other.start or place.start >= other.end for other in kept):
            kept.append(place)
    return tuple(kept)


def _words(lines: Sequence[str]) -> list[str]:
    return [word for line in lines for word in findall(r"\w+|[^\w\s]", line)]


def _likely(text: Sequence[list[str]], words: list[str], lines: int) -> list[tuple[int, int, list[str]]]:
    """Windows (first line, end, words) that share most words with the search part, whatever their order."""
    windows: list[tuple[float, int, int]] = []
    for size in range(max(1, lines - _MORE_LINES), min(len(text), lines + _MORE_LINES) + 1):
        windows += _shares(text, Counter(words), len(words), size)
    windows.sort(key=lambda window: (-window[0], window[1], window[2]))
    best = [(start, end) for share, start, end in windows[:_MOST_COMPARED] if share > 0]
    return [(start, end, [word for line in text[start:end] for word in line]) for start, end in best]


def _shares(text: Sequence[list[str]], wanted: Counter[str], total: int, size: int) -> list[tuple[float, int, int]]:
    """(upper bound on the likeness, start, end) of all windows of so many lines, in one pass over the words."""
    inside: Counter[str] = Counter()
    shared = length = 0
    windows = []
    for end, line in enumerate(text, 1):
        for word in line:
            shared += inside[word] < wanted.get(word, 0)
            inside[word] += 1
        length += len(line)
        if end > size:
            for word in text[end - size - 1]:
                inside[word] -= 1
                shared -= inside[word] < wanted.get(word, 0)
            length -= len(text[end - size - 1])
        if end >= size:
            windows.append((2 * shared / (total + length), end - size, end))
    return windows


def _likeness(first: Sequence[str], second: Sequence[str]) -> float:
    """Twice the length of the longest common subsequence over both lengths: 1 for equal words, 0 for none shared."""
    return 2 * _common(first, second[: 2 * MOST_WORDS]) / (len(first) + len(second))


def _common(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence, a bit per word of the first (Hyyro, Bit-parallel LCS-length computation
    revisited, AWOCA 2004)."""
    masks: dict[str, int] = {}
    for index, word in enumerate(first):
        masks[word] = masks.get(word, 0) | 1 << index
    full = row = (1 << len(first)) - 1
    for word in second:
        matches = row & masks.get(word, 0)
        row = ((row + matches) | (row - matches)) & full
    return len(first) - row.bit_count()


def moved(lines: Sequence[str], old: str, new: str) -> list[str]:
    """Replacement lines whose indentation changes as that of the lines they replace does, from old to new."""
    return [_moved(line, old, new) if line.strip() else "" for line in lines]


def _moved(line: str, old: str, new: str) -> str:
    if line.startswith(old):
        return new + line[len(old) :]
    bare = line.lstrip()
    return " " * max(0, len(line) - len(bare) + len(new) - len(old)) + bare
