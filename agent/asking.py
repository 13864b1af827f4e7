"""`Asking`: which language model a campaign asks, and how, as a person gives it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from heuresis.agent.budget import Budget
from heuresis.agent.desk import Terms
from heuresis.agent.models.catalog import load_model
from heuresis.agent.models.litellm_model import LitellmModel
from heuresis.agent.models.prices import price_of, read_price
from heuresis.agent.models.protocol import Model
from heuresis.agent.protocols import Method, Render
from heuresis.errors import ConfigError
from heuresis.plugins import absolute
from heuresis.prompts.render import renderer


@dataclass(frozen=True)
class Asking:
    """Nothing is loaded or sent by building it. Only the model's name and the prompts decide results."""

    model_name: str = ""
    """As `load_model` takes it; empty for no model."""
    model: Model | None = None
    """Instead of a name: an object of your own. Its name is stored."""
    api_base: str | None = None
    price: str = ""
    """"IN,OUT" in USD per million tokens; by default the price that is known for the name."""
    stream: bool = False
    concurrency: int = 8
    call_seconds: float = 300.0
    prompts: Path | None = None
    """A folder whose templates replace ours of the same name."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "model_name", absolute(self.model_name))
        if type(self.concurrency) is not int or not 1 <= self.concurrency <= 1024:
            raise ConfigError("--concurrency", "a number from 1 to 1024", self.concurrency)
        if type(self.call_seconds) not in (int, float) or not 0 < self.call_seconds <= 86_400:
            raise ConfigError("--call-seconds", "seconds above 0, at most a day", self.call_seconds)

    @property
    def wanted(self) -> bool:
        return bool(self.model_name) or self.model is not None

    @property
    def name(self) -> str:
        return self.model.name if self.model is not None else self.model_name

    def check(self, method: Method) -> None:
        """Raises ConfigError when the method needs a model and there is none, or has no use for the one there is."""
        if self.wanted and not getattr(method, "uses_model", False):
            raise ConfigError(
                "--model",
                f"no model with method {method.name}, which asks none",
                self.name,
                "Methods that ask one: funsearch, meta_agent, random, sequential.",
            )
        if not self.wanted and getattr(method, "needs_model", False):
            raise ConfigError(
                "--model",
                f"a language model for method {method.name}",
                "none",
                "For example --model openai/gpt-5-mini.",
            )

    def terms(self, budget: Budget) -> Terms:
        """Raises ConfigError for a name or a price that is wrong, and for a limit in dollars without a price."""
        model = self.model or load_model(self.model_name, api_base=self.api_base, stream=self.stream)
        if isinstance(model, LitellmModel):
            model.check_key()
        price = read_price(self.price) if self.price else price_of(self.name, api_base=self.api_base)
        if budget.usd is not None and price is None:
            raise ConfigError(
                "--max-usd",
                "a model whose price is known",
                self.name,
                "Give it: --price IN,OUT in USD per million tokens. Or limit --max-tokens.",
            )
        return Terms(model, price, self.concurrency, self.call_seconds)

    def render(self) -> Render:
        return renderer(self.prompts)

    def config(self) -> dict[str, object]:
        """What decides results, as plain JSON values; nothing without a model."""
        if not self.wanted:
            return {}
        return {"model": self.name, "prompts": _digest(self.prompts)}


def _digest(folder: Path | None) -> str:
    """Of the templates in the folder; empty without one."""
    if folder is None:
        return ""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.j2")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
