"""Files that pose as videos: lists and scripts that name other files, and what is nothing at all.

`{canary}` in them is a file that nobody may open, `{port}` a port that nobody may connect to.
"""

from __future__ import annotations

import gzip
from pathlib import Path

_LISTS = {
    "playlist": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{canary}\n#EXT-X-ENDLIST\n",
    "playlist-url": "#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:{port}/a.ts\n#EXT-X-ENDLIST\n",
    "playlist-key": '#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{canary}"\n#EXTINF:1,\n{canary}\n',
    "playlist-bom": "\ufeff#EXTM3U\n#EXTINF:10,\n{canary}\n",
    "sdp": "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=video {port} RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n",
    "concat": "ffconcat version 1.0\nfile '{canary}'\n",
    "concat-bare": "file '{canary}'\nfile 'http://127.0.0.1:{port}/x.mp4'\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static">'
    "<Period><AdaptationSet><Representation id='1' mimeType='video/mp4'><BaseURL>{canary}"
    "</BaseURL></Representation></AdaptationSet></Period></MPD>",
    "smil": '<smil><body><video src="{canary}"/></body></smil>',
    "asx": '<asx version="3.0"><entry><ref href="http://127.0.0.1:{port}/"/></entry></asx>',
    "pls": "[playlist]\nFile1={canary}\nNumberOfEntries=1\n",
    "redirect": "[Reference]\nRef1=http://127.0.0.1:{port}/a.asf\n",
    "rtsp": "rtsp://127.0.0.1:{port}/stream\n",
    "pattern": "{canary}-%03d.png\n",
    "filter": "movie={canary}[out0]\n",
    "subtitles": "1\n00:00:00,000 --> 00:00:01,000\nhello\n",
    "ass": "[Script Info]\nScriptType: v4.00+\n[Events]\nDialogue: 0,0:00:00.00,0:00:01.00,,hi\n",
    "webvtt": "WEBVTT\n\n00:00.000 --> 00:01.000\nhello\n",
    "vapoursynth": "import vapoursynth\nopen('{canary}').read()\n",
    "shell": "#!/bin/sh\ncat {canary}\n",
}


def lists(canary: Path, port: int) -> dict[str, bytes]:
    """What names other files and addresses: a word for each -> its bytes."""
    texts = {
        name: text.replace("{canary}", str(canary)).replace("{port}", str(port))
        for name, text in _LISTS.items()
    }
    return {name: text.encode() for name, text in texts.items()}


def references(canary: Path, port: int, movie: bytes) -> dict[str, bytes]:
    """A QuickTime `movie` with the index in front whose pictures are said to lie elsewhere."""
    url = f"http://127.0.0.1:{port}/".encode()
    return {
        "dref-alias": _with_dref(movie, b"alis", _alias(canary)),
        "dref-url": _with_dref(movie, b"url ", b"file://" + str(canary).encode() + b"\0"),
        "dref-address": _with_dref(movie, b"url ", url + b"\0"),
        "reference-movie": _box(b"ftyp", b"qt  \0\0\0\0qt  ")
        + _box(b"moov", _box(b"rmra", _box(b"rmda", _box(b"rdrf", bytes(4) + b"url " + url)))),
    }


def nothings() -> dict[str, bytes]:
    """What is no video of any kind."""
    return {
        "empty": b"",
        "byte": b"\0",
        "zeros": bytes(5000),
        "ones": b"\xff" * 5000,
        "prose": b"It was a dark and stormy night. " * 100,
        "gzip": gzip.compress(bytes(1_000_000)),
        "png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)),
        "jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(range(256)) * 4,
        "flash": b"FLV\1\5" + bytes(500),
        "ogg": b"OggS\0\2" + bytes(500),
        "program-stream": b"\0\0\1\xba" + bytes(500),
        "windows-media": b"\x30\x26\xb2\x75\x8e\x66\xcf\x11" + bytes(500),
        "start-codes": b"\0\0\1" * 700,
        "sync-bytes": (b"G" + bytes(187)) * 40,
        "ebml": b"\x1a\x45\xdf\xa3" + bytes(600),
        "riff": b"RIFF\xff\xff\xff\xffAVI LIST" + bytes(600),
        "boxes-to-nowhere": (b"\0\0\0\0free" + bytes(8)) * 3,
        "boxes-of-one": b"\0\0\0\1free\0\0\0\0\0\0\0\0" * 40,
        "boxes-many": b"\0\0\0\x08free" * 5000,
        "boxes-deep": _nested(b"moov", 4000),
        "boxes-deep-loose": _box(b"moov", _nested(b"udta", 4000)),
    }


def _box(kind: bytes, body: bytes) -> bytes:
    return (8 + len(body)).to_bytes(4, "big") + kind + body


def _nested(kind: bytes, depth: int) -> bytes:
    body = b""
    for _ in range(depth):
        body = _box(kind, body)
    return body


def _alias(path: Path) -> bytes:
    """An alias record as QuickTime writes it, with the path as its Unix name (tag 18)."""
    name = str(path).encode()
    record = bytes(4) + bytes(4) + b"\0\2" + bytes(150 - 10) + b"\0\x12"
    record += len(name).to_bytes(2, "big") + name + bytes(len(name) % 2)
    return record + b"\xff\xff\0\0"


def _with_dref(movie: bytes, kind: bytes, location: bytes) -> bytes:
    """Put another entry in place of the first one of each dref, and let the boxes around it grow."""
    entry = _box(kind, bytes(4) + location)
    data, at = movie, 0
    while (found := data.find(b"dref", at)) >= 0:
        start, size = found + 12, int.from_bytes(data[found + 12 : found + 16], "big")
        data = _grown(data, found - 4, len(entry) - size)
        data = data[:start] + entry + data[start + size :]
        at = found + 4
    return data


def _grown(data: bytes, inside: int, by: int) -> bytes:
    """Make all boxes around (and at) an offset larger by so many bytes."""
    changed = bytearray(data)
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        start = data.rfind(kind, 0, inside + 8) - 4
        size = int.from_bytes(data[start : start + 4], "big") + by
        changed[start : start + 4] = size.to_bytes(4, "big")
    return bytes(changed)
