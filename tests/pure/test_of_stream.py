"""What follows from a stream alone is worked out once for each, and never for another one."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from fractions import Fraction

from indexes import index_of

from fleet.ascend.soc import soc
from fleet.driver.preparing.alike import MOST_KINDS, OfStream
from fleet.driver.preparing.examine import Examiner
from fleet.driver.preparing.prepared import Known
from fleet.index_cache.cache import IndexCache
from fleet.video.sampling import EVERY_FRAME
from fleet.video.stream import StreamInfo

STREAM = index_of([(0, 9)]).stream


def test_a_stream_is_worked_out_once_and_another_one_by_itself() -> None:
    """Also where more are asked about than are remembered."""
    asked: list[StreamInfo] = []

    def find(stream: StreamInfo) -> Fraction | None:
        asked.append(stream)
        return stream.frame_rate

    rate_of = OfStream(find)
    for _ in range(3):
        # More than are remembered, and each made and ended anew: places in memory come again.
        for number in range(1, MOST_KINDS + 40):
            stream = replace(STREAM, frame_rate=Fraction(number))
            assert rate_of(stream) == rate_of(stream) == number
    assert len(asked) == 3 * (MOST_KINDS + 39)


def test_who_examined_videos_is_let_go_of_at_once() -> None:
    """A plan makes one for some videos after another, and holds the indexes of none but the last."""
    cache = IndexCache()
    examiner = Examiner(cache, EVERY_FRAME, soc("Ascend310"), Known(), as_stored=False)
    gone = weakref.ref(examiner)
    gc.disable()
    try:
        # It holds the indexes of all that it has looked at.
        del examiner
        assert gone() is None
    finally:
        gc.enable()
        cache.close()
