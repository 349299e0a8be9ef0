"""Cores that no device has work for are given to leases that run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from fleet.scheduler.spare_cores import Running, SpareCores


def running(name: str, cost_s: float = 1.0, *, has_room: bool = True) -> Running:
    """Return a lease that a device of the same name computes."""
    return Running(f"npu/{name}", name, cost_s, has_room)


def test_a_core_is_given_once_it_had_nothing_to_do_twice_and_until_the_lease_ends() -> None:
    """To the longest lease; each has one at most."""
    cores, short, long = SpareCores(4), running("short"), running("long", 9.0)
    both = [short, long]
    assert cores.look(3, both, both) == []
    assert cores.look(3, both, both) == [long]
    assert cores.look(3, both, both) == []
    assert cores.look(2, both, both) == []
    assert cores.look(2, both, both) == [short]
    assert cores.look(1, both, both) == []
    third = running("third")
    left = [short, third]
    assert cores.look(2, left, left) == [third]


def test_a_device_between_two_leases_gives_none_away() -> None:
    """It has nothing to do for one look."""
    cores, at = SpareCores(2), [running("a")]
    assert cores.look(2, at, at) == cores.look(1, at, at) == []
    assert cores.look(2, at, at) == cores.look(1, at, at) == []


def test_a_lease_without_the_memory_for_it_gets_none() -> None:
    """Nor does anybody where there are no cores to give."""
    tight, cores = [running("a", has_room=False)], SpareCores(8)
    assert cores.look(1, tight, tight) == cores.look(1, tight, tight) == []
    none, at = SpareCores(0), [running("a")]
    assert none.look(1, at, at) == none.look(1, at, at) == []


LOOKS = st.lists(st.tuples(st.integers(0, 6), st.sets(st.sampled_from("abcdef"))), max_size=20)


@given(cores=st.integers(0, 6), looks=LOOKS)
def test_no_core_is_given_twice(cores: int, looks: list[tuple[int, set[str]]]) -> None:
    """Nor one that a device is about to use; whatever comes and goes."""
    spare, given_to = SpareCores(cores), set[Running]()
    for starting, names in looks:
        held = [running(name) for name in sorted(names)]
        devices = len(held) + starting
        given_to &= set(held)
        chosen = spare.look(devices, held, held)
        assert not given_to & set(chosen)
        given_to |= set(chosen)
        assert not chosen or devices + len(given_to) <= cores


@dataclass(frozen=True)
class Piece:
    """What no second device can share: seconds of decoding, and of the job."""

    name: str
    decode_s: int
    job_s: int

    @property
    def alone_s(self) -> int:
        """How long one core takes."""
        return self.decode_s + self.job_s

    @property
    def ahead_s(self) -> int:
        """How long it takes where one core decodes while the other one computes."""
        return max(self.decode_s, self.job_s)


def ends_s(pieces: Sequence[Piece], cores: int, *, spare: SpareCores) -> float:
    """Return when devices of one core each have done all, on paper.

    Each takes the next piece as soon as it can; spare cores are used from the moment they are it.
    """
    waiting, now_s = list(pieces), 0.0
    left: dict[Piece, float] = {}
    wide: set[str] = set()
    while waiting or left:
        while waiting and len(left) < cores:
            piece = waiting.pop(0)
            left[piece] = 1.0
        held = [running(piece.name, piece.alone_s * share) for piece, share in left.items()]
        for _ in range(2):
            wide |= {each.lease for each in spare.look(len(left), held, held)}
        whole_s = {piece: piece.ahead_s if piece.name in wide else piece.alone_s for piece in left}
        step_s = min(whole_s[piece] * share for piece, share in left.items())
        now_s += step_s
        left = {piece: share - step_s / whole_s[piece] for piece, share in left.items()}
        left = {piece: share for piece, share in left.items() if share > 1e-9}
    return now_s


PIECES = st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50)), min_size=1, max_size=9).map(
    lambda of: [Piece(str(number), *seconds) for number, seconds in enumerate(of)]
)


@given(pieces=PIECES)
def test_on_two_cores_no_other_choice_of_devices_is_faster(pieces: list[Piece]) -> None:
    """Whatever decoding and the job take, in whatever order pieces come: nothing is measured."""
    found_s = ends_s(pieces, 2, spare=SpareCores(2))
    one_of_both_cores_s = sum(piece.ahead_s for piece in pieces)
    two_of_one_core_s = ends_s(pieces, 2, spare=SpareCores(0))
    assert found_s <= min(one_of_both_cores_s, two_of_one_core_s) + 1e-6


@given(pieces=PIECES, cores=st.integers(1, 8))
def test_a_spare_core_never_makes_a_run_longer(pieces: list[Piece], cores: int) -> None:
    """However many cores there are; and it is of use wherever one piece is left in the end."""
    found_s = ends_s(pieces, cores, spare=SpareCores(cores))
    without_s = ends_s(pieces, cores, spare=SpareCores(0))
    assert found_s <= without_s + 1e-6
    if len(pieces) == 1 and cores > 1:
        assert found_s == pieces[0].ahead_s < without_s
