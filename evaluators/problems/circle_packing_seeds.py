"""Programs that a search for circle packings starts from.

They carry no docstrings: their children would inherit them, and they would no longer be true. Shapes are keyword
arguments where they can be, because `tune` leaves those alone and changes all other numbers at once.
"""

from __future__ import annotations

# Equal circles in a square grid.
GRID = """import numpy as np


def pack(n):
    side = int(np.ceil(np.sqrt(n)))
    row, column = np.divmod(np.arange(n), side)
    return np.stack([(column + 0.5) / side, (row + 0.5) / side, np.full(n, 0.5 / side)], axis=1)
"""

# Rows, every second one moved sideways; for fixed centres the best radii are a linear program.
ROWS = """import numpy as np
from scipy.optimize import linprog


def pack(n):
    rows = round(np.sqrt(n))
    side = 0.09
    end = 0.1
    shift = 0.04
    row, column = np.divmod(np.arange(n) * rows, n)
    x = side + (1 - 2 * side) * column / max(n - rows, 1) - shift * (row % 2)
    y = end + (1 - 2 * end) * row / max(rows - 1, 1)
    centres = np.stack([x, y], axis=1).clip(min=0, max=1)
    return np.column_stack([centres, best_radii(centres)])


def best_radii(centres):
    n = len(centres)
    i, j = np.triu_indices(n, k=1)
    pair = np.arange(len(i))
    both = np.zeros((len(i), n))
    both[pair, i] = both[pair, j] = 1
    distance = np.hypot(*(centres[i] - centres[j]).T)
    room = np.minimum(centres, 1 - centres).min(axis=1)
    return linprog(-np.ones(n), A_ub=both, b_ub=distance, bounds=np.stack([0 * room, room], axis=1)).x
"""

# Sequential linear programming with restarts by kicks (iterated local search: Lourenco, Martin & Stutzle 2003).
# Along the fixed direction u between two centres, u . (c_j - c_i) <= |c_j - c_i|: the linear constraint
# r_i + r_j <= u . (c_j - c_i) is the stricter one, so every step stays feasible and no step makes the sum smaller.
KICKED_CLIMB = """import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array


def pack(n):
    kicks = 25
    kick = 0.03
    seed = 1.0
    rng = np.random.default_rng(abs(int(1000 * seed)))
    best = climb(rng.random(size=(n, 2)))
    for _ in range(int(kicks)):
        centres = best[:, :2] + kick * rng.normal(size=(n, 2))
        centres[rng.integers(n)] = rng.random(size=2)
        layout = climb(centres.clip(min=0, max=1))
        if layout[:, 2].sum() > best[:, 2].sum():
            best = layout
    return best


def climb(centres):
    layout = np.column_stack([centres, np.zeros(len(centres))])
    better = step(layout)
    while better[:, 2].sum() > layout[:, 2].sum() + 1e-9:
        layout, better = better, step(better)
    return layout


def step(layout):
    reach = 0.3
    n = len(layout)
    i, j = np.triu_indices(n, k=1)
    gap = layout[j, :2] - layout[i, :2]
    u = gap / np.hypot(*gap.T).clip(min=1e-12)[:, None]
    eye = np.eye(n)
    moves = eye[j] - eye[i]
    pairs = np.stack([-u[:, :1] * moves, -u[:, 1:] * moves, eye[i] + eye[j]], axis=2).reshape(len(i), layout.size)
    none = np.zeros((n, n))
    walls = [[-eye, none, eye], [eye, none, eye], [none, -eye, eye], [none, eye, eye]]
    walls = [np.stack(wall, axis=2).reshape(n, layout.size) for wall in walls]
    room = np.concatenate([np.zeros(len(i)), np.zeros(n), np.ones(n), np.zeros(n), np.ones(n)])
    lower, upper = layout - reach, layout + reach
    lower[:, 2], upper[:, 2] = np.zeros(n), np.ones(n)
    worth = np.zeros(layout.shape)
    worth[:, 2] = np.ones(n)
    result = linprog(
        -worth.ravel(),
        A_ub=csr_array(np.concatenate([pairs, *walls])),
        b_ub=room,
        bounds=np.stack([lower.ravel(), upper.ravel()], axis=1),
        method="highs-ds",
    )
    return layout if result.x is None else result.x.reshape(layout.shape)
"""

SEEDS = {"grid": GRID, "rows": ROWS, "kicked climb": KICKED_CLIMB}
