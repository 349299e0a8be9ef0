"""The parameter sets that a stream has sent so far, by their numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from fleet.core.access_unit import NalUnits
from fleet.video.h26x import h264, h265


class _Numbered(Protocol):
    @property
    def id(self) -> int: ...


class _OfSequence(_Numbered, Protocol):
    @property
    def sps_id(self) -> int: ...


SpsT = TypeVar("SpsT", bound=_Numbered)
PpsT = TypeVar("PpsT", bound=_OfSequence)


class ParameterSetStore(Generic[SpsT, PpsT]):
    """Holds the latest SPS and PPS of each number; changed only through `learn`."""

    def __init__(
        self,
        nal_type: Callable[[int], int],
        sps: tuple[int, Callable[[bytes], SpsT]],
        pps: tuple[int, Callable[[bytes], PpsT]],
    ) -> None:
        """Make an empty store.

        `nal_type`: reads a NAL unit's type from the first byte of its header. `sps`, `pps`: the
        type and the parser of each kind; a parser raises ValueError.
        """
        self._nal_type = nal_type
        self._sps_type, self._parse_sps = sps
        self._pps_type, self._parse_pps = pps
        self._sps: dict[int, SpsT] = {}
        self._pps: dict[int, PpsT] = {}

    def learn(self, nal: bytes) -> None:
        """Take a NAL unit, header first; one that is no SPS or PPS is passed over.

        Raises ValueError where a parameter set makes no sense.
        """
        nal_type = self._nal_type(nal[0]) if nal else -1
        if nal_type == self._sps_type:
            sps = self._parse_sps(nal)
            self._sps[sps.id] = sps
        elif nal_type == self._pps_type:
            pps = self._parse_pps(nal)
            self._pps[pps.id] = pps

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


H264Store = ParameterSetStore[h264.Sps, h264.Pps]
H265Store = ParameterSetStore[h265.Sps, h265.Pps]


def h264_store() -> H264Store:
    """Return an empty store for H.264."""
    return ParameterSetStore(lambda header: header & 0x1F, (7, h264.parse_sps), (8, h264.parse_pps))


def h265_store() -> H265Store:
    """Return an empty store for H.265."""
    return ParameterSetStore(
        lambda header: header >> 1 & 0x3F, (33, h265.parse_sps), (34, h265.parse_pps)
    )
