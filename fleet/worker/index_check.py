"""Looks whether an index that was made of a header alone says how a video really is.

A container's flags may be wrong at any picture, and parameter sets may come with any. Both show in
bytes that are at hand when a decode begins; the header alone shows neither.
"""

from __future__ import annotations

from fleet.core.access_unit import NalUnits
from fleet.errors import IndexMistakenError
from fleet.video.h26x.access_unit import has_any_set, set_units
from fleet.video.h26x.coded_picture import PictureReader
from fleet.video.h26x.picture_log import picture_reader
from fleet.video.stream import StreamInfo


class IndexCheck:
    """Checks the access units of one stream; `uri` names it in errors."""

    def __init__(self, uri: str, stream: StreamInfo, parameter_sets: NalUnits) -> None:
        self._uri = uri
        self._codec = stream.codec
        self._repeats_sets = stream.repeats_sets
        self._known = frozenset(parameter_sets)
        self._sets = parameter_sets

    def check(self, own: NalUnits, *, begins: bool) -> None:
        """Raise IndexMistakenError where a unit shows that the index is wrong.

        `own`: the unit as it lies in the file. `begins`: a decode is to begin with it.
        """
        if not self._known.issuperset(set_units(self._codec, own)):
            self._fail("other parameter sets come with its pictures than its header has")
        if not begins:
            return
        if self._repeats_sets and not has_any_set(self._codec, own):
            self._fail("some of its keys come with parameter sets, and others without")
        try:
            reader: PictureReader = picture_reader(self._codec, self._sets)
            picture = reader.read(own)
        except ValueError:
            # The decoder reports what is damaged.
            return
        if picture is not None and not picture.is_random_access:
            self._fail("its header flags a picture as a key that is none")

    def _fail(self, what: str) -> None:
        raise IndexMistakenError(
            self._uri, f"{what}.", "Its index is made anew from all of the file; nothing is to do."
        )
