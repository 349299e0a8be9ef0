"""Which pictures of an H.264 stream each picture refers to, and hollow ones in place of others."""

from __future__ import annotations

from functools import partial

from fleet.core.access_unit import NalUnits
from fleet.video.h26x.access_unit import has_any_set
from fleet.video.h26x.h264_pictures import H264Pictures
from fleet.video.h26x.h264_slice import LONGEST_SLICE_HEADER_BYTES
from fleet.video.h26x.parameter_set_store import H264Store
from fleet.video.references.followed import Followed
from fleet.video.references.h264_buffer import H264Buffer
from fleet.video.references.h264_header import SLICES, Head, read_head
from fleet.video.references.h264_hollow import PPS_ID, hollow

_PARTITIONS = frozenset({2, 3, 4})


class H264References:
    """Follows the references of one stream from a key on; see `References`."""

    def __init__(self, parameter_sets: NalUnits) -> None:
        self._pictures = H264Pictures()
        self._pictures.learn(parameter_sets)
        self._buffer = H264Buffer()

    @property
    def kept(self) -> frozenset[int]:
        """Return the rows of the pictures that later ones may refer to."""
        return self._buffer.rows

    @property
    def sets(self) -> H264Store:
        """The parameter sets that were sent so far."""
        return self._pictures.sets

    def follow(self, row: int, nals: NalUnits) -> Followed:
        """Return what is known of a picture's references; see `References`."""
        picture = self._pictures.read(nals)
        heads = self._read(nals)
        if picture is None or not heads:
            raise ValueError("it holds no slice")
        if len({head.nal_ref_idc > 0 for head in heads}) > 1:
            raise ValueError("slices of a picture do not agree")
        head = heads[0]
        refers = self._buffer.follow(row, heads, picture.order_count)
        intra = not any(one.active for one in heads)
        if intra or has_any_set("h264", nals) or self.sets.has_pps(PPS_ID):
            return Followed(refers, None)
        return Followed(refers, partial(hollow, head))

    def _read(self, nals: NalUnits) -> list[Head]:
        heads = []
        for offset in nals.offsets:
            kind = nals.data[offset] & 0x1F
            if kind in _PARTITIONS:
                raise ValueError("references of partitions are not followed")
            if kind in SLICES:
                nal = nals.data[offset : offset + LONGEST_SLICE_HEADER_BYTES]
                heads.append(read_head(nal, self.sets))
        return heads
