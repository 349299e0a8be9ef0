"""Matroska files written anew in other forms that say the same, or something unusual."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

SEGMENT, CLUSTER, TRACKS, TRACK = 0x18538067, 0x1F43B675, 0x1654AE6B, 0xAE
CUES, SEEK_HEAD, TAGS = 0x1C53BB6B, 0x114D9B74, 0x1254C367
TIMESTAMP, SIMPLE_BLOCK, GROUP, BLOCK, REFERENCE, DURATION = 0xE7, 0xA3, 0xA0, 0xA1, 0xFB, 0x9B
VOID, CRC_32, POSITION, PREVIOUS_SIZE = 0xEC, 0xBF, 0xA7, 0xAB
DISCARD_PADDING, ADDITIONS, CODEC_DELAY, ENCODINGS = 0x75A2, 0x75A1, 0x56AA, 0x6D80


def element(kind: int, content: bytes, *, size_bytes: int = 8, unknown: bool = False) -> bytes:
    """An element, its size in so many bytes."""
    size = (1 << 7 * size_bytes) - 1 if unknown else len(content)
    size |= 1 << 7 * size_bytes
    return _bytes(kind) + size.to_bytes(size_bytes, "big") + content


def elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield identifier and content of the elements that some bytes are made of; all have sizes."""
    at = 0
    while at < len(data):
        kind_bytes, size_at = 9 - data[at].bit_length(), at + 9 - data[at].bit_length()
        size_bytes = 9 - data[size_at].bit_length()
        begin = size_at + size_bytes
        size = int.from_bytes(data[size_at:begin], "big") - (1 << 7 * size_bytes)
        yield int.from_bytes(data[at : at + kind_bytes], "big"), data[begin : begin + size]
        at = begin + size


@dataclass(frozen=True)
class Form:
    """How a file is written anew; what is unusual is done to one block in so many."""

    seed: int = 0
    unknown_clusters: bool = False
    unknown_segment: bool = False
    grouped: bool = False
    """Whether some blocks lie in groups."""
    padded: bool = False
    """Whether there is what says nothing: voids, checksums, positions."""
    other_tracks: bool = False
    """Whether packets of another track lie between."""
    other_laced: bool = False
    """Whether blocks of another track hold several packets, or say so."""
    buttons: bool = False
    """Whether the other track is of a type of which libav makes no stream."""
    short_clusters: bool = False
    cues_in_front: bool = False
    cues_between: bool = False
    crumbs: bool = False
    """Whether it is made of many elements of two bytes."""
    laced: bool = False
    additions: bool = False
    discards: bool = False
    stripped: bool = False
    """Whether the first byte of each packet is left out, as the header says."""
    delay: bool = False
    unsaid_track: bool = False
    """Whether a packet is of a track that there is not."""


def rewritten(data: bytes, form: Form) -> bytes:
    """A file of libav's Matroska muxer, in another form."""
    chance = random.Random(form.seed)  # noqa: S311 - the same files each time
    (header, head), (segment, content) = list(elements(data))
    assert segment == SEGMENT
    before, clusters, cues = b"", [], b""
    for kind, inside in elements(content):
        if kind == CLUSTER:
            clusters += _clusters(inside, form, chance)
        elif kind == CUES:
            cues = element(kind, inside)
        elif kind == TRACKS:
            before += element(kind, _tracks(inside, form))
        elif kind not in {SEEK_HEAD, VOID} and not clusters:
            before += element(kind, inside)
    parts = [before]
    if form.cues_in_front:
        parts, cues = [before, cues], b""
    for number, cluster in enumerate(clusters):
        parts.append(element(CLUSTER, cluster, unknown=form.unknown_clusters))
        if form.cues_between and number == len(clusters) // 2:
            parts.append(cues)
            cues = b""
        if form.padded and not form.unknown_clusters:
            parts.append(element(VOID, bytes(chance.randrange(90))) * chance.randrange(2))
    body = b"".join([*parts, cues])
    return element(header, head) + element(SEGMENT, body, unknown=form.unknown_segment)


def _tracks(content: bytes, form: Form) -> bytes:
    tracks = b""
    for kind, entry in elements(content):
        extra = element(CODEC_DELAY, (3_000_000).to_bytes(4, "big")) if form.delay else b""
        if form.stripped:
            strip = element(0x4254, b"\3") + element(0x4255, b"\0")
            extra += element(ENCODINGS, element(0x6240, element(0x5034, strip)))
        tracks += element(kind, entry + (extra if kind == TRACK else b""))
    if form.other_tracks or form.other_laced or form.buttons:
        sort = b"\x12" if form.buttons else b"\2"
        sound = ((0xD7, b"\2"), (0x73C5, b"\2"), (0x83, sort), (0x86, b"A_PCM/INT/LIT"))
        rate = element(0xE1, element(0x9F, b"\1") + element(0x6264, b"\x10"))
        tracks += element(TRACK, b"".join(element(*part) for part in sound) + rate)
    return tracks


def _clusters(content: bytes, form: Form, chance: random.Random) -> list[bytes]:
    """What is in the clusters that are made of one."""
    parts = list(elements(content))
    time = int.from_bytes(next(inside for kind, inside in parts if kind == TIMESTAMP), "big")
    blocks = [inside for kind, inside in parts if kind == SIMPLE_BLOCK]
    several = chance.randint(3, 9) if form.short_clusters else len(blocks)
    made = []
    for begin in range(0, len(blocks), several):
        moved = chance.randint(-3, 3) if form.short_clusters and time > 3 else 0
        body = element(TIMESTAMP, (time + moved).to_bytes(8, "big"))
        if form.padded:
            body = element(CRC_32, bytes(4)) + body + element(POSITION, b"\0\5")
            body += element(PREVIOUS_SIZE, b"\1") + element(VOID, bytes(5))
        for block in blocks[begin : begin + several]:
            ahead = int.from_bytes(block[1:3], "big", signed=True) - moved
            moved_block = block[:1] + ahead.to_bytes(2, "big", signed=True) + block[3:]
            body += _block(moved_block, form, chance)
        made.append(body)
    return made


def _block(block: bytes, form: Form, chance: random.Random) -> bytes:
    def seldom() -> bool:
        return chance.random() < 0.1

    extra = element(VOID, bytes(chance.randrange(300))) if form.padded and seldom() else b""
    if form.other_tracks or form.other_laced or form.buttons:
        flags = bytes([0x80 | (2 * chance.randrange(4) if form.other_laced else 0)])
        extra += element(SIMPLE_BLOCK, b"\x82\0\0" + flags + bytes(chance.randrange(2, 500)))
    if form.crumbs:
        extra += element(VOID, b"", size_bytes=1) * 400
    if form.unsaid_track and seldom():
        extra += element(SIMPLE_BLOCK, b"\x85\0\0\x80" + bytes(20))
    key = bool(block[3] & 0x80)
    if form.stripped:
        block = block[:4] + block[5:]
    if form.laced and seldom():
        half = (len(block) - 4) // 2
        return extra + element(
            SIMPLE_BLOCK, block[:3] + b"\x04\1" + block[4 : 4 + 2 * half], size_bytes=4
        )
    beside: list[bytes] = []
    if form.discards and seldom():
        beside.append(element(DISCARD_PADDING, b"\1\0"))
    if form.additions and seldom():
        more = element(0xA6, element(0xEE, b"\1") + element(0xA5, b"more"))
        beside.append(element(ADDITIONS, more))
    if beside or (form.grouped and chance.random() < 0.5):
        plain = block[:3] + bytes([block[3] & 0x0E]) + block[4:]
        inside = [element(BLOCK, plain), element(DURATION, b"\x28"), *beside]
        inside += [] if key else [element(REFERENCE, b"\xd8")]
        chance.shuffle(inside)
        return extra + element(GROUP, b"".join(inside))
    return extra + element(SIMPLE_BLOCK, block, size_bytes=chance.choice((2, 3, 4, 8)))


def _bytes(kind: int) -> bytes:
    return kind.to_bytes((kind.bit_length() + 7) // 8, "big")
