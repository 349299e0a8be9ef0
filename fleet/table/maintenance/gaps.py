"""What of the videos that are wanted is not covered, or covered by another version of them."""

from __future__ import annotations

from collections.abc import Iterator

from fleet.core.spans import Spans, length
from fleet.table.maintenance.finding import AGAIN, Finding
from fleet.table.state.state import TableState
from fleet.table.state.video_manifest import VIDEOS_FILE, Video, Wanted, left_of, not_listed


def gaps(state: TableState, wanted: Wanted) -> Iterator[Finding]:
    """Yield a finding for each video that is not done, and each version that is not wanted."""
    videos = wanted.videos
    for uri in wanted.open_inputs:
        yield Finding("not done", uri, not_listed(uri).unread, AGAIN)
    if not videos and not wanted.open_inputs:
        yield Finding("not proven", VIDEOS_FILE, "nothing tells which videos are wanted", AGAIN)
        return
    done = state.done
    for video in videos.values():
        left = left_of(video, done)
        if not video.is_looked_at:
            yield Finding("not done", video.uri, video.unread, AGAIN)
        elif video.unread:
            yield Finding("not done", video.uri, f"it could not be read: {video.unread}", AGAIN)
        elif len(left) and video.refused:
            yield Finding("not done", video.uri, "it is refused, and that is not recorded", AGAIN)
        elif len(left):
            yield Finding("not done", video.uri, _which(video, left), AGAIN)
    versions = {(video.uri, video.etag) for video in videos.values()}
    for uri, etag in state.covered.intervals.versions:
        # Of inputs that are not listed to their end, not all videos need be named.
        is_named = uri in videos or not wanted.open_inputs
        if is_named and (uri, etag) not in versions:
            detail = f"rows of its version {etag}, which is not the one that is wanted"
            yield Finding("another version", uri, detail, AGAIN)


def _which(video: Video, left: Spans) -> str:
    tick_s = video.video_s / (video.end_pts - video.start_pts)
    some = ", ".join(
        f"{(start - video.start_pts) * tick_s:.2f} to {(end - video.start_pts) * tick_s:.2f} s"
        for start, end in left[:3].tolist()
    )
    more = f" and {len(left) - 3} more stretches" if len(left) > 3 else ""
    return f"{length(left) * tick_s:.2f} of {video.video_s:.2f} s missing: {some}{more}"
