"""GOPs follow from a packet table: where a video can be cut, and which GOP owns which frame."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from indexes import STREAM, index_of

from fleet.core.source import Source
from fleet.video.index import PacketTable, VideoIndex


def index_with(pts: list[int], keys: list[int], hidden: list[int] | None = None) -> VideoIndex:
    """An index of packets in decode order; `hidden` rows are not shown."""
    count = len(pts)
    shown = np.ones(count, np.bool_)
    shown[hidden or []] = False
    table = PacketTable(
        position=np.arange(count, dtype=np.int64) * 10,
        span=np.full(count, 10, np.int32),
        skip=np.zeros(count, np.int32),
        size=np.full(count, 10, np.int32),
        pts=np.array(pts, np.int64),
        display=np.arange(count, dtype=np.int32),
        key=np.isin(np.arange(count), keys),
        entry=np.isin(np.arange(count), keys),
        shown=shown,
    )
    return VideoIndex(Source("v.mp4", count * 10, "etag"), "mp4", STREAM, table, "header", 0)


def test_a_packet_table_has_columns_of_one_length_and_of_their_dtypes() -> None:
    """What is written of one can be read back as the same; no column is left out of that."""
    table = index_with([0, 1, 2], keys=[0]).packets
    assert list(PacketTable.DTYPES) == [field.name for field in fields(PacketTable)]
    with pytest.raises(ValueError, match="of one length"):
        replace(table, pts=table.pts[:2])
    with pytest.raises(ValueError, match="span of a packet table is int32, not int64"):
        replace(table, span=table.span.astype(np.int64))


def test_leading_pictures_belong_to_the_gop_before() -> None:
    """They are shown before their key, and refer to what came before it."""
    index = index_with([0, 3, 1, 2, 6, 4, 5, 7], keys=[0, 4])
    assert index.cuts.tolist() == [0, 4]
    assert index.gop_of_row.tolist() == [0, 0, 0, 0, 1, 0, 0, 1]
    assert index.bounds.tolist() == [0, 6, 8]
    assert index.open_gops == 1


def test_packets_before_the_first_key_own_nothing() -> None:
    """A stream that begins in the middle."""
    index = index_with([0, 1, 2, 3], keys=[2], hidden=[0, 1])
    assert index.order.tolist() == [2, 3]
    assert index.frame_of_row.tolist() == [-1, -1, 0, 1]
    assert index.start_pts == 2


def test_key_whose_gop_is_not_over_before_it_is_no_cut() -> None:
    """A picture decoded before a key and shown after it ties the two GOPs."""
    index = index_with([0, 5, 3, 4, 6], keys=[0, 2])
    assert index.cuts.tolist() == [0]


def test_parts_played_out_of_order_are_not_cut_apart() -> None:
    """An edit list jumps back: what is decoded later is shown earlier than keys before it."""
    index = index_with([0, 1, 2, 3, 1, 2, 3, 4], keys=[0, 2, 4, 6], hidden=[4, 5, 6])
    assert index.cuts.tolist() == [0]
    assert (index.gop_of_row == 0).all()


def test_gops_hidden_at_the_end_own_no_frames() -> None:
    """An edit list that ends early leaves spans in order, and empty."""
    index = index_with(list(range(6)), keys=[0, 2, 4], hidden=[3, 4, 5])
    assert index.bounds.tolist() == [0, 2, 4, 5]
    owners = index.gop_of_row[index.order]
    assert np.bincount(owners, minlength=3).tolist() == [2, 1, 0]


def test_without_keys_there_are_no_gops() -> None:
    """And nothing is shown."""
    index = index_with([0, 1], keys=[], hidden=[0, 1])
    assert len(index.cuts) == len(index.order) == len(index.bounds) == 0


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 8)), min_size=1, max_size=8),
    st.data(),
)
def test_every_frame_lies_in_the_span_of_the_gop_that_owns_it(
    gops: list[tuple[int, int]], data: st.DataObject
) -> None:
    """By its pts alone, at any frame rate, regular or not."""
    count = len(index_of(gops).packets)
    steps = data.draw(st.lists(st.integers(1, 100), min_size=count, max_size=count))
    index = index_of(gops, np.cumsum(steps).tolist())
    bounds, owners = index.bounds, index.gop_of_row[index.order]
    pts = index.packets.pts[index.order]
    assert (bounds[owners] <= pts).all()
    assert (pts < bounds[owners + 1]).all()
    assert (np.diff(owners) >= 0).all()
    assert (np.diff(pts) > 0).all()
