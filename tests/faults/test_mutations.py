"""A sample of `make prove-mutations`."""

from __future__ import annotations

from mutated import SEED, compare


def test_a_mutated_video_gives_the_pictures_of_a_full_decode_or_says_why_not() -> None:
    """Sixty files; of some nothing is left, some lose pictures, and each says so."""
    found = compare(60, SEED)
    assert found.silent == []
    assert found.counts["refused"] > 5
    assert found.counts["lost pictures"] > 20
    assert found.counts["pictures"] > 500
