"""Published values as the commands show them; exported score cards take the same ones from the room below."""

from heuresis.agent.references import PublishedValue, reference_rows

__all__ = ["PublishedValue", "reference_rows"]
