"""Three exact ways to play a packing rule, cheapest first; all give the same bins.

1. *histogram*: the rule is elementwise (each output depends on the item and that bin only) and gives distinct numbers
   to distinct capacities. Bins of equal room are then interchangeable: a count per capacity is enough.
2. *bins*: elementwise, but some capacities tie (or are NaN). Ties go to the lowest index, so bins are told apart.
3. *calls*: anything else. Every decision is a call into the jail, all instances of the block in lock-step.

Whether a rule is elementwise is found out by probing (`find_tables`): its answers on every capacity at once must equal
its answers on shuffled subsets, and on the bins that arise at sampled steps of a packing. All questions are about
invented items: a rule that was shown bins of the exam before play would know items that are still to come.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from heuresis.evaluators.checks import argmax, real_array
from heuresis.evaluators.player import ProgramFailed
from heuresis.evaluators.problem import Invalid

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_MAX_TABLE_CAPACITY = 2_000
"""Above this, a table costs more calls than it saves."""
_PROBED_SIZES = 10
_SAMPLED_STEPS = 10
_INVENTED_ITEMS = 2_000
_ONLY_NAN = -1
_GROUP = 2**32
"""Between two tie groups, so that group + bin index orders by group first, then by index."""
_NO_BIN = 2**62
_NO_STEPS = np.zeros(0, dtype=np.int64)
_NO_ROOMS = np.zeros((0, 0), dtype=np.int64)


@dataclass(frozen=True)
class PackingInstance:
    """Items in order of arrival, all of integer size from 1 to `capacity`."""

    items: NDArray[np.int64]
    capacity: int
    name: str = ""

    @property
    def lower_bound(self) -> int:
        """ceil(total size / capacity): no packing uses fewer bins (Martello & Toth 1990, L1)."""
        return -(-int(self.items.sum()) // self.capacity)


@dataclass(frozen=True)
class Packing:
    bins: int
    """Opened."""
    exact_fits: int
    """Items that filled their bin to the brim."""
    mean_gap: float
    """Mean room left in the chosen bin, right after placing."""


@dataclass(frozen=True)
class Table:
    """Everything an elementwise rule says about one capacity."""

    scores: Floats
    """[capacity + 1, capacity + 1]: scores[item, room], NaN below the item's size."""
    order: Integers
    """Same shape: per item the rooms from best to worst, NaN first."""
    group: Integers
    """group[item, room]: rank of its number among the item's rooms, times `_GROUP`; equal numbers tie, NaN is 0."""
    ties: bool
    """Whether any two rooms tie."""


@dataclass(frozen=True)
class Tables:
    by_capacity: Mapping[int, Table]
    """Capacities for which the rule proved elementwise."""


def pack(priority: Any, instance: PackingInstance, empty_bins: int, tables: Tables) -> Packing:
    """The packing this rule makes. Raises Invalid for a wrong answer."""
    table = tables.by_capacity.get(instance.capacity)
    if table is None:
        return pack_by_calls(priority, instance, empty_bins)
    return pack_by_table(instance, table)


def pack_by_table(instance: PackingInstance, table: Table, histogram: bool | None = None) -> Packing:
    """`histogram`: which of the two kernels; by default the faster one that is exact for this table."""
    items, capacity = instance.items, instance.capacity
    if histogram if histogram is not None else not table.ties:
        counts = _pack_histogram(items, capacity, table.order)
    else:
        counts = _pack_bins(items, capacity, table.group, _NO_STEPS, _NO_ROOMS)
    if counts[0] == _ONLY_NAN:
        raise Invalid("priority returned only NaN")
    return Packing(int(counts[0]), int(counts[1]), float(counts[2]) / len(items))


def pack_by_calls(priority: Any, instance: PackingInstance, empty_bins: int) -> Packing:
    """One call per item: the feasible open bins in order, then the empty ones (`empty_bins` = 0 shows all of them)."""
    items, capacity = instance.items, instance.capacity
    rooms = np.full(len(items) + 1, float(capacity))
    live = np.zeros(len(items), dtype=np.int64)
    opened = alive = exact = gaps = 0
    smallest = int(items.min())
    for position, item in enumerate(items.tolist()):
        fits, feasible = _feasible(rooms, live[:alive], item, opened, empty_bins or len(items) - position)
        best = argmax(real_array(priority(float(item), feasible), feasible.shape, "priority"), "priority")
        chosen = int(fits[best]) if best < len(fits) else opened
        opened = max(opened, chosen + 1)
        left, alive = _place(rooms, live, alive, chosen, item, smallest)
        exact += left == 0
        gaps += left
    return Packing(opened, exact, gaps / len(items))


def find_tables(
    priority: Any, instances: Sequence[PackingInstance], empty_bins: int, rng: np.random.Generator
) -> Tables:
    """A table per capacity for which the rule proves elementwise; none for the others."""
    found = {}
    for capacity in sorted({instance.capacity for instance in instances}):
        same = [instance for instance in instances if instance.capacity == capacity]
        worth = sum(len(instance.items) for instance in same) > 4 * capacity
        if capacity <= _MAX_TABLE_CAPACITY and worth:
            table = _find_table(priority, capacity, empty_bins, rng)
            if table is not None:
                found[capacity] = table
    return Tables(found)


def _find_table(priority: Any, capacity: int, empty_bins: int, rng: np.random.Generator) -> Table | None:
    sizes = np.arange(1, capacity + 1)
    try:
        if not _probes_elementwise(priority, sizes, capacity, rng):
            return None
        table = read_table(priority, sizes, capacity)
        invented = PackingInstance(rng.integers(1, 2 + capacity * 2 // 3, _INVENTED_ITEMS), capacity)
        return table if _agrees_on_samples(priority, invented, table, empty_bins, rng) else None
    except (Invalid, ProgramFailed):
        return None  # made-up bins may trip a rule that is sound on real ones: the call path decides


def read_table(priority: Any, sizes: Integers, capacity: int) -> Table:
    """One call per item size, each over all rooms from that size up (and an empty bin twice, as in play)."""
    questions = [_all_rooms(size, capacity) for size in sizes.tolist()]
    answers = priority.many([(float(size), rooms) for size, rooms in zip(sizes.tolist(), questions, strict=True)])
    scores = np.full((capacity + 1, capacity + 1), np.nan)
    for size, rooms, answer in zip(sizes.tolist(), questions, answers, strict=True):
        scores[size, size:] = real_array(answer, rooms.shape, "priority")[:-1]
    return Table(scores, *_ranking(scores, sizes))


@lru_cache(8)
def _rooms_up_to(capacity: int) -> Floats:
    rooms = np.append(np.arange(capacity + 1, dtype=np.float64), float(capacity))
    rooms.flags.writeable = False
    return rooms


def _all_rooms(size: int, capacity: int) -> Floats:
    return _rooms_up_to(capacity)[size:]


def _ranking(scores: Floats, sizes: Integers) -> tuple[Integers, Integers, bool]:
    """Rooms by falling score per item, their tie groups, and whether anything ties."""
    rows = scores[sizes]
    fits = np.arange(scores.shape[1]) >= sizes[:, None]
    nan = np.isnan(rows) & fits
    ranked = np.lexsort((-rows, np.where(fits, ~nan, 2)))  # NaN first, then by falling score, too small rooms last
    falling = np.take_along_axis(rows, ranked, 1)
    missing, real = np.take_along_axis(nan, ranked, 1), np.take_along_axis(fits, ranked, 1)
    steps = np.empty(ranked.shape, dtype=np.int64)
    steps[:, 0] = ~missing[:, 0]
    steps[:, 1:] = (falling[:, 1:] != falling[:, :-1]) & ~(missing[:, 1:] & missing[:, :-1])
    order, group = np.zeros(scores.shape, dtype=np.int64), np.zeros(scores.shape, dtype=np.int64)
    order[sizes] = ranked
    by_room = np.empty(ranked.shape, dtype=np.int64)
    np.put_along_axis(by_room, ranked, np.cumsum(steps, axis=1), 1)
    group[sizes] = by_room * _GROUP
    return order, group, bool(nan.any() or (steps[:, 1:] == 0)[real[:, 1:]].any())


def _probes_elementwise(priority: Any, sizes: Integers, capacity: int, rng: np.random.Generator) -> bool:
    """Each answer on a shuffled subset with repeats must equal, bit for bit, the answer on all rooms at once."""
    probed = rng.choice(sizes, min(_PROBED_SIZES, len(sizes)), replace=False).tolist()
    full = [_all_rooms(size, capacity) for size in probed]
    lengths = [int(2 * (1.5 * len(rooms)) ** rng.random()) for rooms in full]  # from 2 to three times all rooms
    picks = [rng.integers(0, len(rooms), length) for rooms, length in zip(full, lengths, strict=True)]
    asked = [(float(size), rooms) for size, rooms in zip(probed, full, strict=True)]
    asked += [(float(size), rooms[pick]) for size, rooms, pick in zip(probed, full, picks, strict=True)]
    answers = [
        real_array(answer, rooms.shape, "priority")
        for answer, (_, rooms) in zip(priority.many(asked), asked, strict=True)
    ]
    whole, parts = answers[: len(probed)], answers[len(probed) :]
    return all(
        np.array_equal(everything[pick], part, equal_nan=True)
        for everything, part, pick in zip(whole, parts, picks, strict=True)
    )


def _agrees_on_samples(
    priority: Any, instance: PackingInstance, table: Table, empty_bins: int, rng: np.random.Generator
) -> bool:
    """The call path, at sampled steps of this packing, must see the table's numbers."""
    items, capacity = instance.items, instance.capacity
    steps = np.sort(rng.choice(len(items), min(_SAMPLED_STEPS, len(items)), replace=False))
    seen = np.zeros((len(steps), len(items)), dtype=np.int64)
    _pack_bins(items, capacity, table.group, steps, seen)
    asked = []
    for step, rooms in zip(steps.tolist(), seen, strict=True):
        item, shown = int(items[step]), empty_bins or len(items) - step
        asked.append((item, np.append(rooms[rooms >= item], np.full(shown, capacity))))
    answers = priority.many([(float(item), rooms.astype(np.float64)) for item, rooms in asked])
    return all(
        np.array_equal(real_array(answer, rooms.shape, "priority"), table.scores[item, rooms], equal_nan=True)
        for answer, (item, rooms) in zip(answers, asked, strict=True)
    )


@njit(cache=True)
def _feasible(rooms: Floats, live: Integers, item: int, opened: int, shown: int) -> tuple[Integers, Floats]:
    """Which of the live bins fit the item, and their rooms followed by `shown` empty bins."""
    fits, feasible = np.empty(len(live), dtype=np.int64), np.empty(len(live) + shown)
    count = 0
    for chosen in live:
        if rooms[chosen] >= item:
            fits[count] = chosen
            feasible[count] = rooms[chosen]
            count += 1
    feasible[count : count + shown] = rooms[opened]
    return fits[:count], feasible[: count + shown]


@njit(cache=True)
def _place(rooms: Floats, live: Integers, alive: int, chosen: int, item: int, smallest: int) -> tuple[int, int]:
    """Put the item; the room left, and how many bins are live: open, in order, with room for the smallest item."""
    place = np.searchsorted(live[:alive], chosen)
    known = place < alive and live[place] == chosen
    rooms[chosen] -= item
    left = int(rooms[chosen])
    if left >= smallest and not known:  # just opened: the last one
        live[alive] = chosen
        alive += 1
    elif left < smallest and known:
        live[place : alive - 1] = live[place + 1 : alive]
        alive -= 1
    return left, alive


@njit(cache=True)
def _pack_histogram(items: Integers, capacity: int, order: Integers) -> tuple[int, int, int]:
    """Counts per room instead of bins. O(items * rooms tried)."""
    count = np.zeros(capacity + 1, dtype=np.int64)
    opened, exact, gaps = 0, 0, 0
    for item in items:
        rank = 0
        room = order[item, 0]
        while room != capacity and count[room] == 0:
            rank += 1
            room = order[item, rank]
        if room == capacity:
            opened += 1
        else:
            count[room] -= 1
        left = room - item
        count[left] += 1
        exact += left == 0
        gaps += left
    return opened, exact, gaps


@njit(cache=True)
def _lowest(words: NDArray[np.uint64], first: int) -> int:
    """Lowest bin index in a bit set, given from word `first` on; _NO_BIN if there is none."""
    for place in range(len(words)):
        bits = words[place]
        if bits != 0:
            lowest_bit = float(bits & (~bits + np.uint64(1)))
            return (first + place) * 64 + math.frexp(lowest_bit)[1] - 1
    return _NO_BIN


@njit(cache=True)
def _only_nan(groups: Integers, lowest: Integers) -> bool:
    """A NaN wins over numbers; whether there is no number among the rooms in use."""
    return not np.any((groups > 0) & (lowest < _NO_BIN))


@njit(cache=True)
def _pack_bins(
    items: Integers, capacity: int, group: Integers, steps: Integers, seen: Integers
) -> tuple[int, int, int]:
    """Exact with ties: of the best group of rooms in use, the bin with the lowest index; like numpy.argmax.

    Bins are bit sets per room. Before item steps[k] the room of every bin goes to seen[k] (0: full or not opened).
    """
    words = np.zeros((capacity + 1, len(items) // 64 + 1), dtype=np.uint64)
    lowest = np.full(capacity + 1, _NO_BIN, dtype=np.int64)
    room_of = np.zeros(len(items), dtype=np.int64)
    opened, exact, gaps, sampled = 0, 0, 0, 0
    for position in range(len(items)):
        item = items[position]
        if sampled < len(steps) and steps[sampled] == position:
            seen[sampled, :] = room_of
            sampled += 1
        lowest[capacity] = opened  # an empty bin: always there, behind all others
        groups, candidates, best = group[item, item:], lowest[item:], np.int64(_NO_BIN)
        for place in range(len(groups)):  # slices from 0 on: only so does this loop become vector instructions
            best = min(best, groups[place] + candidates[place])
        if best < _GROUP and _only_nan(groups, candidates):
            return _ONLY_NAN, 0, 0
        chosen = int(best % _GROUP)
        from_room = room_of[chosen] if chosen < opened else capacity
        bit = np.uint64(1) << np.uint64(chosen % 64)
        if from_room == capacity:
            opened += 1
        else:
            words[from_room, chosen // 64] ^= bit
            lowest[from_room] = _lowest(words[from_room, chosen // 64 :], chosen // 64)
        left = from_room - item
        room_of[chosen] = left
        words[left, chosen // 64] |= bit
        lowest[left] = min(lowest[left], chosen)
        exact += left == 0
        gaps += left
    return opened, exact, gaps


def warm_up() -> None:
    """Compile (or load from cache) the kernels; seconds the first time, ever."""
    items = np.array([1, 2], dtype=np.int64)
    _feasible(np.ones(2), items[:1], 1, 0, 1)
    _place(np.ones(2), items.copy(), 0, 1, 1, 1)
    order = np.tile(np.array([3, 2, 1, 0], dtype=np.int64), (4, 1))
    _pack_histogram(items, 3, order)
    _pack_bins(items, 3, np.ones((4, 4), dtype=np.int64), _NO_STEPS, _NO_ROOMS)
