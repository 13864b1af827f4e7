"""Methods and operators are found by name, and a wrong name or setting is answered with the right ones."""

from __future__ import annotations

import pytest

from heuresis.agent.catalog import METHODS, OPERATORS, load_method, load_operator, methods, operators
from heuresis.agent.methods.genetic import Genetic
from heuresis.agent.operators.tune import Tune
from heuresis.errors import ConfigError


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_its_name_and_a_line_about_it(name: str) -> None:
    assert load_method(name, {}).name == name
    [described] = [one for one in methods() if one.name == name]
    assert described.summary


@pytest.mark.parametrize("name", OPERATORS)
def test_every_operator_has_its_name_and_a_line_about_it(name: str) -> None:
    assert load_operator(name).name == name
    [described] = [one for one in operators() if one.name == name]
    assert described.summary


def test_settings_are_read_from_text() -> None:
    settings = {"islands": "3", "crossover": "0.5", "tune.step": "0.2"}
    assert load_method("genetic", settings) == Genetic(islands=3, crossover=0.5)
    assert load_operator("tune", settings) == Tune(step=0.2)
    assert load_operator("mutate", settings) == load_operator("mutate")


def test_a_method_of_ones_own_is_named_by_module_and_class() -> None:
    assert load_method("heuresis.agent.methods.genetic:Genetic", {"islands": "2"}) == Genetic(islands=2)


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("gentic", {}, "funsearch, genetic, meta_agent, random, sequential"),
        ("no.such.module:Name", {}, "can be imported"),
        ("heuresis.agent.methods.genetic:Nothing", {}, "there: .*Genetic.*got Nothing"),
        ("heuresis.agent.methods.genetic:on_island", {}, "dataclass"),
        ("genetic", {"island": "3"}, "Did you mean islands"),
        ("genetic", {"islands": "many"}, "genetic.islands: expected an integer"),
        ("genetic", {"islands": "2.5"}, "genetic.islands: expected an integer"),
        ("genetic", {"islands": "0"}, "genetic.islands: expected a number from 1"),
        ("genetic", {"name": "other"}, "genetic.name"),
        ("genetic", {"tune.steps": "1"}, "Did you mean step"),
        ("genetic", {"tune.step": "-1"}, "tune.step"),
        ("genetic", {"tuna.step": "1"}, "mutate, reflect, repair, simplify, tune"),
        ("random", {"depth": "3"}, "no settings"),
    ],
)
def test_a_wrong_name_or_setting_is_answered_with_the_right_ones(
    name: str, settings: dict[str, str], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        load_method(name, settings)
