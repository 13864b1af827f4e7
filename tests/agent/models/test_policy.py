"""Every fault has one treatment and words for people."""

from __future__ import annotations

import pytest

from heuresis.agent.models.policy import Treatment, treatment, words
from heuresis.archive.calls import Fault


@pytest.mark.parametrize("fault", Fault)
def test_every_fault_has_a_treatment_and_words(fault: Fault) -> None:
    assert treatment(fault) in Treatment
    assert words(fault)
    assert not words(fault).endswith(".")


def test_only_what_a_person_must_mend_stops_a_campaign() -> None:
    stopping = {fault for fault in Fault if treatment(fault) is Treatment.STOP}
    assert stopping == {Fault.AUTHENTICATION, Fault.QUOTA, Fault.UNKNOWN_MODEL}


def test_a_refusal_that_was_not_paid_for_is_waited_out() -> None:
    waiting = {fault for fault in Fault if treatment(fault) is Treatment.WAIT}
    assert waiting == {Fault.CONNECTION, Fault.RATE_LIMIT, Fault.OVERLOADED, Fault.SERVER}
