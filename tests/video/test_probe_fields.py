"""Streams that x264 does not make: fields in packets of their own, and rarer order counts."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from handmade import Coded, Shape, stream
from truth import assert_true, probed

FIELDS = Shape(interlaced=True)


def paired(pictures: list[Coded]) -> list[Coded]:
    """Each picture as a top and a bottom field."""
    fields = []
    for coded in pictures:
        for field in ("top", "bottom"):
            second = field == "bottom"
            fields.append(
                Coded(
                    grey=coded.grey + second,
                    frame_num=coded.frame_num,
                    order=coded.order + second,
                    idr=coded.idr and not second,
                    reference=coded.reference,
                    field=field,
                )
            )
    return fields


REORDERED = [
    Coded(30, 0, 0, idr=True),
    Coded(60, 1, 12),
    Coded(40, 2, 4, reference=False),
    Coded(50, 2, 8, reference=False),
    Coded(70, 2, 16),
]


@pytest.mark.parametrize(
    ("shape", "pictures", "display"),
    [
        (Shape(), REORDERED, [0, 2, 3, 1, 4]),
        (FIELDS, paired(REORDERED), [0, 4, 6, 2, 8]),
        (
            Shape(),
            [
                Coded(30, 0, 0, idr=True),
                Coded(60, 1, 8),
                Coded(50, 2, 4, reference=False),
                Coded(70, 2, 12, forgets=True),
                Coded(90, 1, 4),
                Coded(80, 2, 2, reference=False),
            ],
            [0, 2, 1, 3, 5, 4],
        ),
        (
            Shape(poc_type=1, cycle=(4,)),
            [
                Coded(30, 0, idr=True),
                Coded(50, 1),
                Coded(40, 2, reference=False),
                Coded(70, 2),
                Coded(60, 3, reference=False),
            ],
            [0, 2, 1, 4, 3],
        ),
        (
            Shape(poc_type=2),
            [Coded(30 + n, n % 16, idr=n == 0) for n in range(40)],
            list(range(40)),
        ),
    ],
    ids=["frames", "fields", "ends all before it", "order counts of type 1", "of type 2"],
)
def test_display_order_is_that_of_a_decoder(
    tmp_path: Path, shape: Shape, pictures: list[Coded], display: list[int]
) -> None:
    """A raw stream's frames are numbered by what its slice headers say."""
    path = tmp_path / "stream.h264"
    path.write_bytes(b"".join(stream(shape, pictures)))
    index = probed(path.read_bytes())
    assert_true(index, path)
    assert index.order.tolist() == display
    assert index.packets.pts[index.order].tolist() == list(range(len(display)))


def test_fields_in_transport_stream_are_one_frame_each_pair(tmp_path: Path) -> None:
    """MPEG-TS gives a packet a field: the second is not shown, and the stream says interlaced."""
    path = tmp_path / "fields.ts"
    units = stream(FIELDS, paired(REORDERED))
    raw = tmp_path / "fields.h264"
    raw.write_bytes(b"".join(units))
    shown_at = [0, 3, 1, 2, 4]
    with av.open(str(raw)) as template, av.open(str(path), "w", format="mpegts") as output:
        target = output.add_stream_from_template(template.streams.video[0])
        for row, unit in enumerate(units):
            packet = av.Packet(unit)
            packet.stream = target
            packet.dts = row * 1800
            packet.pts = 7200 + shown_at[row // 2] * 3600 + row % 2 * 1800
            output.mux(packet)
    index = probed(path.read_bytes())
    assert index.stream.interlaced
    assert len(index.packets) == 10
    assert_true(index, path)
    assert index.order.tolist() == [0, 4, 6, 2, 8]
    assert (np.diff(index.packets.pts[index.order]) == 3600).all()
