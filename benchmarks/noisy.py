"""Two noisy problems for `benchmarks/racing.py`: a bandit and a stock, both with much luck in each instance."""

from __future__ import annotations

import numpy as np

from heuresis.evaluators.checks import finite_array, finite_float
from heuresis.evaluators.nouns import Result
from heuresis.evaluators.problem import Objective, Problem

_PULLS, _ARMS, _DAYS = 100, 5, 60


class Bandit(Problem):
    """Which of five arms is pulled next? Rewards are 0 or 1; what counts is the regret over 100 pulls."""

    statement = (
        "Five arms pay 1 with a secret chance each, else 0. index(mean, count, step) returns a number per arm, and the "
        "arm with the highest is pulled: `mean` holds what each has paid on average, `count` how often it was pulled."
    )
    entry_points = ("index(mean: float[n], count: float[n], step: float) -> float[n]",)
    seeds = {
        "greedy": "import numpy as np\n\n\ndef index(mean, count, step):\n    return mean - 1.0 * (count > 0)\n",
        "ucb": "import numpy as np\n\n\ndef index(mean, count, step):\n"
        "    return mean + np.sqrt(2.0 * np.log(step + 1.0) / (count + 0.01))\n",
    }
    objectives = (Objective("regret", "min"),)

    def generate(self, tier, index, rng):
        chances = rng.uniform(0.1, 0.9, _ARMS)
        return chances, (rng.random((_PULLS, _ARMS)) < chances).astype(float)

    def run(self, program, instance, exam):
        chances, rewards = instance
        total, count, regret = np.zeros(_ARMS), np.zeros(_ARMS), 0.0
        for step in range(_PULLS):
            means = np.divide(total, count, out=np.zeros(_ARMS), where=count > 0)
            arm = int(np.argmax(finite_array(program.index(means, count.copy(), float(step)), (_ARMS,), "index")))
            total[arm] += rewards[step, arm]
            count[arm] += 1
            regret += chances.max() - chances[arm]
        return Result({"regret": float(regret)})


class Stock(Problem):
    """How much is ordered each evening? Demand is lumpy and its level is not told."""

    statement = (
        "A shop sells from its stock for 60 days. order(stock, mean, deviation) returns how much arrives next morning: "
        "`mean` and `deviation` are those of the demand so far. A unit kept over night costs 1, a unit missing costs 9."
    )
    entry_points = ("order(stock: float, mean: float, deviation: float) -> float",)
    seeds = {
        "fixed level": "def order(stock, mean, deviation):\n    return 20.0 - stock\n",
        "mean": "def order(stock, mean, deviation):\n    return mean - stock\n",
    }
    objectives = (Objective("cost_per_day", "min"),)

    def generate(self, tier, index, rng):
        return rng.gamma(2.0, rng.uniform(5.0, 15.0), _DAYS) * (rng.random(_DAYS) < 0.8)

    def run(self, program, instance, exam):
        stock, cost = 20.0, 0.0
        for day, demand in enumerate(instance):
            left = stock - demand
            cost += max(left, 0.0) - 9.0 * min(left, 0.0)
            seen, stock = instance[: day + 1], max(left, 0.0)
            order = finite_float(program.order(stock, float(seen.mean()), float(seen.std())), "order")
            stock += min(max(order, 0.0), 1000.0)
        return Result({"cost_per_day": float(cost / _DAYS)})
