"""Which pictures of H.265's temporal sub-layers are needed: as the standard's own words say it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleet.video.h26x.access_unit import is_non_reference_type
from fleet.video.h26x.annexb import join, split
from fleet.video.h26x.sub_layers import LayerPicture, layer_picture, needed_pictures

TSA, STSA, TRAIL_R, IDR = (2, 3), (4, 5), 1, 20
PICTURES = st.lists(
    st.builds(
        LayerPicture,
        st.sampled_from((0, 1, 1, 2, 3, 3, 4, 5, 8, 9, 20, 21)),
        st.integers(0, 4),
        st.sampled_from((False, False, False, True)),
    ),
    max_size=24,
)


def may_refer(pictures: list[LayerPicture], later: int, earlier: int) -> bool:
    """Whether one picture may refer to another, word by word (7.4.2.2)."""
    of, to = pictures[later], pictures[earlier]
    if 16 <= of.nal_type <= 23 or to.layer > of.layer:
        return False
    if is_non_reference_type(to.nal_type) and to.layer == of.layer:
        return False
    for between in pictures[earlier + 1 : later + 1]:
        if between.layer and between.nal_type in TSA and between.layer <= to.layer:
            return False
        if between.layer and between.nal_type in STSA and between.layer == to.layer == of.layer:
            return False
    return True


def closure(pictures: list[LayerPicture], wanted: list[bool]) -> list[bool]:
    """What is wanted or stays, all that it may refer to, all that this may refer to, and so on."""
    needed = [w or p.stays for w, p in zip(wanted, pictures, strict=True)]
    for later in reversed(range(len(pictures))):
        for earlier in range(later if needed[later] else 0):
            needed[earlier] |= may_refer(pictures, later, earlier)
    return needed


@given(PICTURES, st.data())
def test_needed_is_what_wanted_pictures_may_refer_to(
    pictures: list[LayerPicture], data: st.DataObject
) -> None:
    """No more, no less, of any stream, and any of its pictures."""
    some = st.lists(st.booleans(), min_size=len(pictures), max_size=len(pictures))
    wanted = data.draw(some, label="wanted")
    assert needed_pictures(pictures, wanted, is_end=True) == closure(pictures, wanted)


@given(PICTURES)
def test_before_what_is_not_known_all_is_needed_that_may_be_referred_to(
    pictures: list[LayerPicture],
) -> None:
    """As if a picture of every sub-layer followed that is wanted."""
    behind = [LayerPicture(TRAIL_R, layer) for layer in range(7)]
    wanted = [False] * len(pictures) + [True] * 7
    expected = closure(pictures + behind, wanted)[: len(pictures)]
    assert needed_pictures(pictures, wanted[:-7], is_end=False) == expected


def test_of_a_hierarchy_of_three_layers_one_picture_leads_to_the_next() -> None:
    """P, and of eight pictures between two of them none, but around the wanted one."""
    mini_gop = [LayerPicture(1, 0), LayerPicture(3, 1), LayerPicture(2, 2), LayerPicture(2, 2)]
    pictures = [LayerPicture(IDR, 0), *mini_gop * 4]
    wanted = [number == 15 for number in range(len(pictures))]
    needed = needed_pictures(pictures, wanted, is_end=True)
    assert [number for number, is_needed in enumerate(needed) if is_needed] == [
        *(0, 1, 5, 9, 13, 14, 15),
    ]


@given(st.integers(0, 6), st.integers(0, 31))
def test_an_access_unit_is_judged_by_its_first_slice(layer: int, kind: int) -> None:
    """Its type, and nuh_temporal_id_plus1, less one."""
    unit = join([bytes([35 << 1, 1, 0x50]), bytes([kind << 1, layer + 1, 0x80])])
    assert layer_picture(unit) == LayerPicture(kind, layer)


def test_what_holds_no_picture_or_parameter_sets_stays() -> None:
    """Others may need it."""
    assert layer_picture(join([bytes([35 << 1, 1, 0x50])])).stays
    assert layer_picture(join([bytes([34 << 1, 1, 9]), bytes([0, 3, 0x80])])).stays


@given(st.binary(max_size=60), st.booleans())
def test_any_bytes_are_judged(data: bytes, is_end: bool) -> None:
    """Damaged units too, without an error."""
    needed_pictures([layer_picture(split(data))], [False], is_end=is_end)
