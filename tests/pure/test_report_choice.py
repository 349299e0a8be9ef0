"""The pictures of a report: a sample that does not depend on how rows lie."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.report.activity import GAP_S, Work, laid_out
from fleet.report.cards import per_label
from fleet.report.choice import Keys, Sample, ranks
from fleet.report.lookout import Lookout
from fleet.report.page import inside
from fleet.report.rows import NONE, Names, rows_of
from fleet.report.series import SCORE_BINS, STRIP_BINS, Grid, score_bin, strip_bin

VIDEOS = ["gate.mp4", "yard.mp4", "<script>.mp4"]


class _Part:
    """Stands for a part: a sample keeps it, and asks nothing of it."""


def sampled(
    rows: list[tuple[int, int]], batches: list[int], most: int, seed: int
) -> list[tuple[int, int]]:
    """Sample rows, (video, frame), that come in batches of these lengths."""
    keys, sample, part = Keys(seed).of(VIDEOS), Sample(most), _Part()
    start = 0
    for length in [*batches, len(rows)]:
        several = rows[start : start + length]
        start += length
        if several:
            video, frame = np.array(several, np.int64).T
            sample.add(ranks(keys[video], frame), video, frame, part)
    return [(chosen.video, chosen.frame) for chosen in sample.chosen]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 10**6)), max_size=60),
    st.lists(st.integers(1, 9), max_size=8),
    st.integers(1, 12),
    st.randoms(use_true_random=False),
)
def test_a_sample_is_the_same_however_rows_lie(
    rows: list[tuple[int, int]], batches: list[int], most: int, random: object
) -> None:
    """In any order, in any batches, each frame as often as it likes: the same frames, each once."""
    whole = sampled(rows, [], most, 7)
    other = rows * 2
    random.shuffle(other)  # type: ignore[attr-defined]
    assert sampled(other, batches, most, 7) == whole
    assert len(set(whole)) == len(whole) == min(most, len(set(rows)))


def test_each_frame_is_as_likely_as_another() -> None:
    """Over many seeds, neighbours and other videos alike; each seed has frames of its own."""
    rows = [(video, frame) for video in range(3) for frame in range(40)]
    chosen = Counter(pair for seed in range(400) for pair in sampled(rows, [], 12, seed))
    assert set(chosen) == set(rows)
    # 40 are expected of each; seven deviations of a binomial distribution are 42.
    assert max(chosen.values()) < 82
    assert sampled(rows, [], 12, 1) != sampled(rows, [], 12, 2)


def test_names_keep_their_numbers_and_nulls_have_a_name() -> None:
    """Whatever dictionary a batch brings along."""
    names = Names()
    first = pa.array(["b", None, "a", "b"]).dictionary_encode()
    assert names.codes(first).tolist() == [0, 2, 1, 0]
    assert names.codes(pa.array(["a", "c", None])).tolist() == [1, 3, 2]
    assert names.listed == ["b", "a", NONE, "c"]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), max_size=80), st.integers(1, 20))
def test_counts_of_batches_add_up(pairs: list[tuple[int, int]], length: int) -> None:
    """To those of all rows at once."""
    grid = Grid(4)
    for start in range(0, len(pairs), length):
        rows, columns = np.array(pairs[start : start + length], np.int64).T
        grid.add(rows, columns)
    expected = Counter(pairs)
    assert int(grid.values.sum()) == len(pairs)
    assert all(grid.values[row, column] == count for (row, column), count in expected.items())


def test_scores_fall_into_the_bin_that_their_text_says() -> None:
    """0.15 as the table has it begins a bin; 1 is in the last one, and what is no number in none."""
    edges = np.array([n * 0.05 for n in range(SCORE_BINS)], np.float32)
    assert score_bin(edges).tolist() == list(range(SCORE_BINS))
    odd = np.array([1, 1.5, -0.1, np.nan, np.inf], np.float32)
    assert score_bin(odd).tolist() == [SCORE_BINS - 1, SCORE_BINS - 1, 0, -1, -1]


def test_times_outside_of_a_video_lie_at_its_ends() -> None:
    """A length of 0 too: the bins are there, and no time leads past them."""
    times = np.array([-1.0, 0.0, 4.99, 5.0, 11.0, np.nan])
    lengths, bins = np.full(6, 10.0), np.full(6, 4, np.int64)
    assert strip_bin(times, lengths, bins).tolist() == [0, 0, 1, 2, 3, 0]
    assert strip_bin(times, np.zeros(6), bins).max() == 3


@pytest.mark.parametrize(("labels", "each"), [(0, 6), (1, 6), (6, 6), (9, 4), (13, 3), (500, 3)])
def test_many_labels_have_fewer_pictures_each(labels: int, each: int) -> None:
    """At least three, at most six."""
    assert per_label(labels) == each


def test_a_box_stays_in_its_picture() -> None:
    """What lies outside, or is turned round, is cut to an edge."""
    assert inside((-50, 20, 70.04, 9e9), 64, 48) == (0, 20, 64, 48)
    assert inside((30, 40, 10, 20), 64, 48) == (10, 20, 30, 40)


def test_leases_of_one_device_do_not_overlap_and_pauses_are_cut_out() -> None:
    """Their ends are known to the second; a day between two runs takes no room."""
    morning = [Work("npu/0", 1000 - 0.4, 1000, 5) for _ in range(2)]
    evening = [Work("npu/1", 90_000 - 2, 90_000, 7)]
    activity = laid_out([*morning, *evening], {"npu/1": "host-b"})
    assert activity is not None
    assert activity.devices == 2
    assert activity.wall_s == pytest.approx(2.8, abs=0.01)
    ((_, pause),) = activity.gaps
    assert pause == "24.7 h"
    assert GAP_S < 90_000 - 1002
    assert [(lane.device, lane.node, lane.leases) for lane in activity.lanes] == [
        ("npu/0", "", 2),
        ("npu/1", "host-b", 1),
    ]
    first, second = activity.lanes[0].paths
    assert first.startswith("M0 0h")
    assert second.startswith("M")
    assert laid_out([], {}) is None


def test_rows_of_a_frame_are_not_those_of_another_video(tmp_path: Path) -> None:
    """A part that was compacted has each number once for each video; only what is asked is read."""
    pairs = [(uri, frame) for uri in VIDEOS for frame in range(50)]
    uris = pa.array([uri for uri, _ in pairs]).dictionary_encode()
    table = pa.table({"uri": uris, "frame": [frame for _, frame in pairs]})
    pq.write_table(table, tmp_path / "part.parquet", row_group_size=40)
    (part,) = ds.dataset(tmp_path / "part.parquet").get_fragments()
    wanted = {(VIDEOS[0], 3), (VIDEOS[0], 49), (VIDEOS[2], 7)}
    found = [
        (row["uri"], row["frame"]) for row in rows_of(part, table.schema, ["uri", "frame"], wanted)
    ]
    assert sorted(found) == sorted(wanted)


@given(st.data())
def test_what_is_noted_on_the_way_is_what_a_second_look_finds(data: st.DataObject) -> None:
    """Of the videos that are drawn: those with most rows, in all their stretches."""
    uris = [f"{name}.mp4" for name in "dacbe"]
    counts = data.draw(st.lists(st.sampled_from([1, 5, 90, 319, 320, 700]), min_size=5, max_size=5))
    rows = np.array(data.draw(st.lists(st.integers(0, 3), min_size=3, max_size=5)), np.int64)
    strips = data.draw(st.integers(1, 5))
    lengths_s = {uri: float(n + 1) for n, uri in enumerate(uris)}
    chance = np.random.default_rng(data.draw(st.integers(0, 9)))
    video = np.repeat(np.arange(5), counts)
    chance.shuffle(video)
    time_s = chance.uniform(0, 1, len(video)) * (video + 1)
    lookout = Lookout(rows, lengths_s, strips)
    for some in np.array_split(np.arange(len(video)), data.draw(st.integers(1, 6))):
        lookout.see(video[some], time_s[some], uris)
    assert lookout.is_complete
    of_video = np.pad(rows, (0, 5 - len(rows)))
    drawn = sorted(range(5), key=lambda n: (-of_video[n], uris[n]))[:strips]
    for number in drawn:
        bins = int(np.clip(counts[number] // 2, 1, STRIP_BINS))
        times = time_s[video == number]
        wanted = np.zeros(bins, np.bool_)
        length_s, several = np.full(len(times), number + 1.0), np.full(len(times), bins)
        wanted[strip_bin(times, length_s, several)] = True
        assert np.array_equal(lookout.bins(number, bins), wanted)


def test_lengths_that_are_not_known_beforehand_are_noted() -> None:
    """So that frames are read again, once the last one is known."""
    lookout = Lookout(np.array([3]), {"a.mp4": 2.0}, 2)
    lookout.see(np.array([0]), np.array([0.5]), ["a.mp4", "b.mp4"])
    assert lookout.is_complete
    lookout.see(np.array([1]), np.array([0.5]), ["a.mp4", "b.mp4"])
    assert not lookout.is_complete
