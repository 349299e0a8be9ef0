"""The whole training job: render, train, export."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fleet.errors import UsageError
from fleet.street.render_pool import map_unordered
from fleet.street.scene.clip import Clip
from fleet.train.data.archive import archive_pieces, cut_samples
from fleet.train.data.render import render_samples
from fleet.train.data.samples import load, truth_path
from fleet.train.data.scenes import training_clip, validation_clip
from fleet.train.export import export_onnx
from fleet.train.plan import TrainPlan
from fleet.train.run import Say, train

NETWORK = "street.onnx"
VALIDATION_PICTURES = 20
"""Pictures of each street for validation, the same for every training."""


def train_street(plan: TrainPlan, say: Say) -> Path:
    """Render, train and export as a plan asks, and return the path of the network.

    `say` writes a line of the log. Rendered pictures and the checkpoint of an earlier run are used.
    """
    output, cache = Path(plan.output), Path(plan.cache)
    _make_folders(output, cache)
    training = {
        f"training-{number:05d}x{plan.pictures}": training_clip(number, plan.pictures)
        for number in range(plan.clips)
    }
    validation = {
        f"validation-{number:05d}x{VALIDATION_PICTURES}": validation_clip(
            number, VALIDATION_PICTURES
        )
        for number in range(plan.validation_clips)
    }
    _render(cache, validation | training, plan.renderers, say)
    cut = _cut(cache, plan, say) if plan.archive else []
    trainer = train(
        plan,
        [load(cache, name) for name in [*training, *cut]],
        [load(cache, name) for name in validation],
        [clip.light.value for clip in validation.values()],
        say,
    )
    network = output / NETWORK
    network.write_bytes(export_onnx(trainer.average))
    say(f"wrote {network}")
    return network


def _make_folders(*folders: Path) -> None:
    try:
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"The folder {error.filename} cannot be made: {error.strerror}."
        raise UsageError(message, "Choose others with --set output=... --set cache=...") from error


def _cut(cache: Path, plan: TrainPlan, say: Say) -> list[str]:
    """Decode the frames of an archive in processes; return the names of the samples."""
    pieces = archive_pieces(cache, list(plan.archive), plan.truth, plan.sample)
    done = map_unordered(cut_samples, list(pieces.values()), plan.renderers)
    for number, name in enumerate(done, 1):
        say(f"decoded {number:,} of {len(pieces):,} videos: {name}")
    return sorted(pieces)


def _render(cache: Path, clips: Mapping[str, Clip], renderers: int, say: Say) -> None:
    """Render in processes the clips that are not there yet, each into separate files."""
    missing = [
        (cache, name, clip) for name, clip in clips.items() if not truth_path(cache, name).exists()
    ]
    say(f"{len(clips):,} streets, {len(missing):,} of them to be rendered")
    for number, _ in enumerate(map_unordered(render_samples, missing, renderers), 1):
        if number % 50 == 0 or number == len(missing):
            say(f"rendered {number:,} of {len(missing):,} streets")
