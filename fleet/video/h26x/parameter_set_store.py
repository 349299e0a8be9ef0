"""The parameter sets that a stream has sent so far, by their numbers."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Generic, Protocol, TypeVar

from fleet.core.access_unit import NalUnits
from fleet.video.h26x import h264, h265
from fleet.video.h26x.bits import LONGEST_HEADER_BYTES

MOST_SETS = 4096
"""Different parameter sets that are read of one stream; each number may be sent anew, and is by
streams that were joined."""
MOST_BYTES = 256 << 10
"""Bytes of those."""
LARGEST_BYTES = 16 << 10
"""One parameter set: those of real streams take some dozens, with scaling lists hundreds."""


class _Numbered(Protocol):
    @property
    def id(self) -> int: ...


class _OfSequence(_Numbered, Protocol):
    @property
    def sps_id(self) -> int: ...


SpsT = TypeVar("SpsT", bound=_Numbered)
PpsT = TypeVar("PpsT", bound=_OfSequence)
SetT = TypeVar("SetT")


class ParameterSetStore(Generic[SpsT, PpsT]):
    """Holds the latest SPS and PPS of each number; changed only through `learn`.

    What is sent again, as most streams do at each key, is not read again. How many different ones
    are read is limited, so that a stream of nothing else does not take hours.
    """

    def __init__(
        self,
        nal_type: Callable[[int], int],
        sps: tuple[int, Callable[[bytes], SpsT]],
        pps: tuple[int, Callable[[bytes], PpsT]],
        vps_type: int = -1,
    ) -> None:
        """Make an empty store.

        `nal_type`: reads a NAL unit's type from the first byte of its header. `sps`, `pps`: the
        type and the parser of each kind; a parser raises ValueError. `vps_type`: that of H.265's
        VPS, which are kept unread.
        """
        self.version = 0
        """Rises when a set is learned that is not the same as the one of its number before."""
        self.readings = 0
        """Rises when slices may be read otherwise than before: by another SPS or PPS."""
        self._vps_type = vps_type
        self._latest: dict[tuple[int, int], bytes] = {}
        self._nal_type = nal_type
        self._sps_type, self._parse_sps = sps
        self._pps_type, self._parse_pps = pps
        self._sps: dict[int, SpsT] = {}
        self._pps: dict[int, PpsT] = {}
        self._read_sps: dict[bytes, SpsT | str] = {}
        self._read_pps: dict[bytes, PpsT | str] = {}
        self._left_sets, self._left_bytes = MOST_SETS, MOST_BYTES

    def learn(self, nal: bytes) -> None:
        """Take a NAL unit, header first; one that is no SPS or PPS is passed over.

        Raises ValueError where a parameter set makes no sense, or there were too many before it.
        """
        nal_type = self._nal_type(nal[0]) if nal else -1
        if nal_type == self._sps_type:
            sps = self._read(nal, self._read_sps, self._parse_sps)
            self.readings += self._sps.get(sps.id) is not sps
            self._sps[sps.id] = sps
            self._keep(nal_type, sps.id, nal)
        elif nal_type == self._pps_type:
            pps = self._read(nal, self._read_pps, self._parse_pps)
            self.readings += self._pps.get(pps.id) is not pps
            self._pps[pps.id] = pps
            self._keep(nal_type, pps.id, nal)
        elif nal_type == self._vps_type and len(nal) > 2:
            self._keep(nal_type, nal[2] >> 4, nal)

    def _keep(self, nal_type: int, number: int, nal: bytes) -> None:
        if len(nal) > LARGEST_BYTES:
            raise ValueError(f"a parameter set of {len(nal):,} bytes, which none is")
        if self._latest.get((nal_type, number)) != nal:
            self._latest[nal_type, number] = nal
            self.version += 1

    @property
    def in_force(self) -> tuple[bytes, ...]:
        """Return the latest set of each number: VPS, then SPS, then PPS, header first."""
        return tuple(self._latest[key] for key in sorted(self._latest))

    def learn_all(self, nals: NalUnits) -> None:
        """Take each of some NAL units; see `learn`."""
        for nal in nals:
            self.learn(nal)

    def of_slice(self, pps_id: int) -> tuple[SpsT, PpsT]:
        """Return the SPS and PPS that a slice names; raise ValueError where one was not sent."""
        pps = self._pps.get(pps_id)
        sps = self._sps.get(pps.sps_id) if pps is not None else None
        if pps is None or sps is None:
            raise ValueError("a slice names parameter sets that the stream has not sent")
        return sps, pps

    def _read(
        self, nal: bytes, known: dict[bytes, SetT | str], parse: Callable[[bytes], SetT]
    ) -> SetT:
        """Return what a NAL unit says, which is looked up where it was read before."""
        nal = nal[: LONGEST_HEADER_BYTES + 1]
        if nal not in known:
            self._left_sets -= 1
            self._left_bytes -= len(nal)
            if min(self._left_sets, self._left_bytes) < 0:
                raise ValueError("the stream sends more different parameter sets than are read")
            known[nal] = _parsed(nal, parse)
        found = known[nal]
        if isinstance(found, str):
            raise ValueError(found)  # noqa: TRY004 - it is why the NAL unit could not be read
        return found


@lru_cache(maxsize=64)
def _parsed(nal: bytes, parse: Callable[[bytes], SetT]) -> SetT | str:
    """Return what a NAL unit says, or why it cannot be read; those of one camera say the same."""
    try:
        return parse(nal)
    except ValueError as error:
        return str(error)


H264Store = ParameterSetStore[h264.Sps, h264.Pps]
H265Store = ParameterSetStore[h265.Sps, h265.Pps]


def h264_store() -> H264Store:
    """Return an empty store for H.264."""
    return ParameterSetStore(lambda header: header & 0x1F, (7, h264.parse_sps), (8, h264.parse_pps))


def h265_store() -> H265Store:
    """Return an empty store for H.265."""
    return ParameterSetStore(
        lambda header: header >> 1 & 0x3F, (33, h265.parse_sps), (34, h265.parse_pps), 32
    )
