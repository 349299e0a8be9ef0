"""Keys that expire: asked for in time, seldom, and by one thread; a giver that fails is no failure."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hand_clock import HandClock
from hypothesis import given
from hypothesis import strategies as st

from fleet.storage.renewal.renewal import Renewal

if TYPE_CHECKING:
    from obstore.store import S3Credential


class Service:
    """Gives tokens that are valid for a while; as boto3, it gives new ones each time it is asked.

    `down`: the stretches of time in which it answers nobody.
    """

    def __init__(self, clock: HandClock, life_s: float, down: list[tuple[float, float]]) -> None:
        self.asked: list[float] = []
        self.given: dict[str, float] = {}
        """When each token expires."""
        self._clock = clock
        self._life_s = life_s
        self._down = down
        self._until_s = 0.0
        self.meanwhile: Callable[[], None] = lambda: None
        """What happens before it answers."""

    def __call__(self) -> S3Credential:
        """See Giver."""
        now_s = self._clock.now_s
        self.asked.append(now_s)
        self.meanwhile()
        if any(start <= now_s < end for start, end in self._down):
            raise ConnectionError("it does not answer")
        self._until_s = now_s + self._life_s
        token = f"token {len(self.given)}"
        self.given[token] = self._until_s
        return {"access_key_id": "a", "secret_access_key": "s", "token": token, "expires_at": None}

    def expires_within(self, seconds: float) -> bool:
        """See Giver."""
        return self._until_s - self._clock.now_s < seconds

    @property
    def troubles(self) -> tuple[type[Exception], ...]:
        """See Giver."""
        return (ConnectionError,)


@given(
    st.sampled_from([2.0, 6.0, 60.0, 900.0, 3600.0, 43200.0]),
    st.lists(st.floats(0.001, 40), min_size=1, max_size=300),
)
def test_no_key_that_has_expired_is_used_and_few_are_asked_for(
    life_s: float, gaps_s: list[float]
) -> None:
    """Whenever requests come: one in three quarters of a life, or less."""
    clock = HandClock()
    service = Service(clock, life_s, [])
    renewal = Renewal(service, clock)
    start_s = clock.now_s
    for gap_s in gaps_s:
        token = renewal()["token"]
        assert service.given[token or ""] > clock.now_s
        clock.sleep(gap_s)
    lasted_s = clock.now_s - start_s
    assert len(service.asked) <= 1 + lasted_s / (0.74 * min(life_s, 3600.0))


@given(st.sampled_from([6.0, 60.0, 3600.0]), st.data())
def test_a_giver_that_fails_for_less_than_keys_are_left_fails_nobody(
    life_s: float, data: st.DataObject
) -> None:
    """It is asked again, but not with every request."""
    clock = HandClock()
    starts = clock.now_s + data.draw(st.floats(0.01, 3 * life_s))
    lasts_s = data.draw(st.floats(0.01, 0.24 * life_s))
    service = Service(clock, life_s, [(starts, starts + lasts_s)])
    renewal = Renewal(service, clock)
    while clock.now_s < starts + 2 * life_s:
        token = renewal()["token"]
        assert service.given[token or ""] > clock.now_s
        clock.sleep(life_s / 1000)
    failed = sum(starts <= asked_s < starts + lasts_s for asked_s in service.asked)
    assert failed <= 40


def test_a_giver_that_fails_until_keys_have_expired_is_an_error() -> None:
    """Its own, and only then; it is asked each time from then on, and may give new ones."""
    clock = HandClock()
    service = Service(clock, 60.0, [(clock.now_s + 1, clock.now_s + 70)])
    renewal = Renewal(service, clock)
    first = renewal()["token"]
    clock.sleep(59)
    assert renewal()["token"] == first
    clock.sleep(2)
    for _ in range(2):
        with pytest.raises(ConnectionError):
            renewal()
    clock.sleep(20)
    assert renewal()["token"] != first


def test_a_machine_that_stood_still_asks_at_once() -> None:
    """By the clock that goes on while it does."""
    clock = HandClock()
    service = Service(clock, 60.0, [])
    renewal = Renewal(service, clock)
    renewal()
    clock.stand_still(1000)
    assert service.given[renewal()["token"] or ""] > clock.now_s


def test_one_thread_asks_and_the_others_go_on() -> None:
    """With the keys that they have, as long as these are valid."""
    clock = HandClock()
    service = Service(clock, 60.0, [])
    renewal = Renewal(service, clock)
    first = renewal()["token"]
    clock.sleep(50)
    seen: list[str | None] = []

    def others() -> None:
        thread = threading.Thread(target=lambda: seen.append(renewal()["token"]))
        thread.start()
        thread.join(timeout=60)

    service.meanwhile = others
    assert renewal()["token"] != first
    assert seen == [first]
    assert len(service.asked) == 2


class Lasting(Service):
    """Gives the same keys each time."""

    def __call__(self) -> S3Credential:
        """See Giver."""
        return {**super().__call__(), "token": "the same"}


def test_keys_that_last_are_asked_for_seldom() -> None:
    """Once in a quarter of an hour, where the same ones come again."""
    clock = HandClock()
    service = Lasting(clock, 1e9, [])
    renewal = Renewal(service, clock)
    for _ in range(7200):
        renewal()
        clock.sleep(1)
    assert len(service.asked) <= 2 + 7200 / 900
