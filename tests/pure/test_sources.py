"""Very many sources in few bytes are what a tuple of them is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleet.core.source import Source, Sources

TEXTS = st.text(st.characters(), max_size=8)
"""Any code points, those among them that stand for bytes of a name that is no text."""
MANY = st.lists(st.builds(Source, TEXTS, st.integers(0, 2**50), TEXTS), max_size=6)
PLACES = st.integers(-8, 8)


@given(MANY, PLACES, PLACES)
def test_sources_are_as_a_tuple_of_them(several: list[Source], first: int, last: int) -> None:
    """Whatever their texts are: each, by place, from the end, and in slices."""
    held = Sources(several)
    assert len(held) == len(several)
    assert list(held) == several
    assert held[first:last] == tuple(several[first:last])
    assert [held[place] for place in range(-len(several), len(several))] == [*several, *several]
    assert held == Sources(several)
    assert (held == Sources(several[1:])) == (not several)


@given(MANY)
def test_sources_come_in_the_order_of_their_addresses(several: list[Source]) -> None:
    """As sorting them one by one gives it, those of one address in the order they were added."""
    assert list(Sources(several).by_uri()) == sorted(several, key=lambda source: source.uri)
