"""The training job's file: TOML in, a frozen, checked plan out."""

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
    """Which manager decides the loss scale; the fields after `manager` as the 910 documents them.

    `loss_scale` is for fixed, the others are for exponential.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    manager: Literal["fixed", "exponential"] = "fixed"
    loss_scale: float = Field(default=1024.0, ge=1)
    init_loss_scale: float = Field(default=2.0**32, ge=1)
    incr_every_n_steps: int = Field(default=1000, ge=1)
    decr_every_n_nan_or_inf: int = Field(default=2, ge=1)
    incr_ratio: float = Field(default=2.0, gt=1)
    decr_ratio: float = Field(default=0.5, gt=0, lt=1)


class TrainPlan(BaseModel):
    """What is trained, on what, for how long.

    `output`: the folder for checkpoints and the network. `cache`: the folder for pictures. `clips`,
    `validation_clips`: streets to render, `pictures` of each of the former. `archive`: videos to
    train on as well, `sample` their frames, with `truth` as `fleet street` writes it. `renderers`:
    how many processes render and decode. `steps` of `batch` pictures; the last `whole_canvas_steps`
    see the whole 416x416, those before only the band that pictures of 16:9 fill. `rate`: the
    learning rate after `warm_up` steps, from where it falls as a cosine. `inject_overflow_step`:
    for tests, the batch in which `inject_overflow_layer` overflows; -1: none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    output: str = Field(min_length=1)
    cache: str = Field(min_length=1)
    seed: int = Field(default=1, ge=0)
    clips: int = Field(default=416, ge=0)
    validation_clips: int = Field(default=24, ge=1)
    pictures: int = Field(default=24, ge=1)
    archive: tuple[str, ...] = ()
    sample: str = "fps=0.5"
    truth: str = ""
    renderers: int = Field(default=2, ge=1)
    steps: int = Field(ge=1)
    whole_canvas_steps: int = Field(default=0, ge=0)
    batch: int = Field(default=16, ge=1)
    rate: float = Field(default=2e-3, gt=0)
    weight_decay: float = Field(default=0.02, ge=0)
    warm_up: int = Field(default=200, ge=0)
    threads: int = Field(default=2, ge=1)
    precision_mode: Mode = "allow_mix_precision"
    loss_scale: LossScale = LossScale()
    dump: DumpConfig = DumpConfig()
    inject_overflow_step: int = Field(default=-1, ge=-1)
    inject_overflow_layer: str = "stem.0"
    log_every: int = Field(default=20, ge=1)
    checkpoint_every: int = Field(default=500, ge=1)
    validate_every: int = Field(default=1500, ge=1)

    @model_validator(mode="after")
    def _injected_where_it_shows(self) -> Self:
        if self.inject_overflow_step >= 0 and self.precision_mode != "allow_mix_precision":
            raise ValueError("inject_overflow_step needs precision_mode allow_mix_precision")
        return self


def read_plan(path: Path, overrides: Mapping[str, Any]) -> TrainPlan:
    """Read a training job's file; `overrides` replace its fields, `loss_scale.name` those of it.

    Raises JobFileError with every mistake at once, UsageError where there is no such file.
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
