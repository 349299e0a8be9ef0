"""What was once seen to go wrong, call by call: it goes well now, and wrong with its fault back."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from chance import Scripted
from mutations import MUTATIONS
from named import NAMED, Named
from schedule import play
from simulation import simulated
from story import tell


@pytest.mark.parametrize("named", NAMED, ids=lambda named: named.name)
def test_what_went_wrong_goes_well(named: Named) -> None:
    """No promise is broken, and the job comes to a good end."""
    with simulated():
        chance = Scripted(named.rules)
        played = play(named.setting, chance, healed=named.healed)
        assert played.violation is None, tell(named.setting, played)
    if not named.is_refused:
        assert not chance.unused


@pytest.mark.parametrize("named", NAMED, ids=lambda named: named.name)
def test_it_goes_wrong_again_with_its_fault_put_back(named: Named) -> None:
    """So the schedule, and what judges it, can find it."""
    with simulated(), ExitStack() as ends:
        for fault in named.faults:
            ends.enter_context(MUTATIONS[fault].applied())
        played = play(named.setting, Scripted(named.rules), healed=named.healed)
    assert played.violation is not None
    assert played.violation.kind == named.kind, tell(named.setting, played)
