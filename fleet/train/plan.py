"""The training job's file, which is read as a frozen, checked plan."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fleet.errors import JobFileError, UsageError
from fleet.train.numerics.dump import DumpConfig

Mode = Literal["allow_mix_precision", "force_fp32", "host_bfloat16"]


class LossScale(BaseModel):
    """The manager that decides the loss scale, with its parameters as the 910 documents them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    manager: Literal["fixed", "exponential"] = "fixed"
    """FixedLossScaleManager or ExponentialUpdateLossScaleManager."""
    loss_scale: float = Field(default=1024.0, ge=1)
    """The scale of the fixed manager."""
    init_loss_scale: float = Field(default=2.0**32, ge=1)
    """The scale that the exponential manager starts with."""
    incr_every_n_steps: int = Field(default=1000, ge=1)
    """Good steps in a row after which the exponential manager increases the scale."""
    decr_every_n_nan_or_inf: int = Field(default=2, ge=1)
    """Bad steps after which the exponential manager decreases the scale."""
    incr_ratio: float = Field(default=2.0, gt=1)
    """The factor of an increase."""
    decr_ratio: float = Field(default=0.5, gt=0, lt=1)
    """The factor of a decrease."""


class TrainPlan(BaseModel):
    """The data and the parameters of one training."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    output: str = Field(min_length=1)
    """The folder for checkpoints and the network."""
    cache: str = Field(min_length=1)
    """The folder for pictures."""
    seed: int = Field(default=1, ge=0)
    """The seed of the initial weights and of the batches."""
    clips: int = Field(default=416, ge=0)
    """How many streets to render for training."""
    validation_clips: int = Field(default=24, ge=1)
    """How many streets to render for validation."""
    pictures: int = Field(default=24, ge=1)
    """How many pictures to render of each street for training."""
    archive: tuple[str, ...] = ()
    """Videos, folders and globs of videos to train on as well."""
    sample: str = "fps=0.5"
    """The sampling of the frames of `archive`."""
    truth: str = ""
    """The truth of `archive`, in Parquet as `fleet street` writes it."""
    renderers: int = Field(default=2, ge=1)
    """How many processes render and decode."""
    steps: int = Field(ge=1)
    """How many updates the training makes."""
    whole_canvas_steps: int = Field(default=0, ge=0)
    """How many of the last steps see the whole 416x416; those before see only the band that
    pictures of 16:9 fill."""
    batch: int = Field(default=16, ge=1)
    """How many pictures a step sees."""
    rate: float = Field(default=2e-3, gt=0)
    """The learning rate after the warm-up, from where it falls as a cosine."""
    weight_decay: float = Field(default=0.02, ge=0)
    """The weight decay of AdamW."""
    warm_up: int = Field(default=200, ge=0)
    """Steps in which the learning rate rises to `rate`."""
    threads: int = Field(default=2, ge=1)
    """How many threads PyTorch uses."""
    precision_mode: Mode = "allow_mix_precision"
    """See fleet.train.numerics.precision."""
    loss_scale: LossScale = LossScale()
    """The manager of the loss scale."""
    dump: DumpConfig = DumpConfig()
    """The tensors to write."""
    inject_overflow_step: int = Field(default=-1, ge=-1)
    """For tests: the batch in which a layer overflows; -1 for none."""
    inject_overflow_layer: str = "stem.0"
    """For tests: the convolution that overflows."""
    log_every: int = Field(default=20, ge=1)
    """Steps between lines of the log."""
    checkpoint_every: int = Field(default=500, ge=1)
    """Steps between checkpoints."""
    validate_every: int = Field(default=1500, ge=1)
    """Steps between validations."""

    @model_validator(mode="after")
    def _check_injection(self) -> Self:
        if self.inject_overflow_step >= 0 and self.precision_mode != "allow_mix_precision":
            raise ValueError("inject_overflow_step needs precision_mode allow_mix_precision")
        return self


def read_plan(path: Path, overrides: Mapping[str, Any]) -> TrainPlan:
    """Read a training job's file; `overrides` replace its fields, named like loss_scale.manager.

    Raises JobFileError, which lists every mistake, and UsageError where there is no such file.
    """
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError(f"There is no job file {path}.", "Check the path.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise JobFileError(str(path), (f"it is not TOML: {error}",)) from None
    for key, value in overrides.items():
        section, _, name = key.rpartition(".")
        (raw.setdefault(section, {}) if section else raw)[name] = value
    try:
        return TrainPlan.model_validate(raw)
    except ValidationError as error:
        mistakes = (f"{'.'.join(map(str, m['loc']))}: {m['msg']}" for m in error.errors())
        raise JobFileError(str(path), tuple(mistakes)) from None
