"""Which pictures of an H.265 stream with temporal sub-layers others need (ITU-T H.265 7.4.2.2).

A picture refers to none of a higher sub-layer than its own, and some types of pictures say more. So
what is needed follows from the types alone, by what comes later: it is found from the last picture
to the first. A decoder takes what remains as it takes a stream of which a router has left out
sub-layers: what is missing is nothing that it is to refer to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fleet.core.access_unit import NalUnits
from fleet.video.h26x.access_unit import has_any_set, is_non_reference_type

MOST_SUB_LAYERS = 7
_LAYERS, _ALL = range(MOST_SUB_LAYERS), (1 << MOST_SUB_LAYERS) - 1
_SWITCHES_ALL, _SWITCHES_ONE = (2, 3), (4, 5)
_FIRST_INTRA, _LAST_INTRA, _FIRST_NON_SLICE = 16, 23, 32
_NO_SLICE = 48
"""A type that the standard leaves to others, for what holds no picture."""


class LayerPicture(NamedTuple):
    """What an access unit says of whom it may refer to, and of who may refer to it."""

    nal_type: int
    """Of its first slice."""
    layer: int
    """Its temporal sub-layer, from 0."""
    stays: bool = False
    """Whether it is fed though nobody needs its picture."""


def layer_picture(nals: NalUnits) -> LayerPicture:
    """Return what an access unit says; one without a picture, or with parameter sets, stays."""
    for offset in nals.offsets:
        nal_type = nals.data[offset] >> 1 & 0x3F
        if nal_type < _FIRST_NON_SLICE and offset + 1 < len(nals.data):
            layer = max(0, (nals.data[offset + 1] & 7) - 1)
            return LayerPicture(nal_type, min(layer, _LAYERS[-1]), has_any_set("hevc", nals))
    return LayerPicture(_NO_SLICE, 0, stays=True)


def needed_pictures(
    pictures: Sequence[LayerPicture], wanted: Sequence[bool], *, is_end: bool
) -> list[bool]:
    """Return which pictures, in decode order, have to be decoded for the wanted ones.

    `is_end`: whether none that is decoded later may refer to one of them; else all may be needed
    that one of any sub-layer might refer to.
    """
    # By sub-layer: those to whose pictures a needed one of it, further on, may refer; as bits.
    refers = [0 if is_end else (2 << layer) - 1 for layer in _LAYERS]
    needed = []
    for picture, is_wanted in zip(reversed(pictures), reversed(wanted), strict=True):
        nal_type, layer, stays = picture
        lowest = layer + is_non_reference_type(nal_type)
        is_needed = is_wanted or stays or any(mask >> layer & 1 for mask in refers[lowest:])
        needed.append(is_needed)
        if is_needed and not _FIRST_INTRA <= nal_type <= _LAST_INTRA:
            refers[layer] |= (2 << layer) - 1
        if layer and nal_type in _SWITCHES_ALL:
            below = (1 << layer) - 1
            refers[layer:] = [mask & below for mask in refers[layer:]]
        elif layer and nal_type in _SWITCHES_ONE:
            refers[layer] &= _ALL ^ 1 << layer
    return needed[::-1]
