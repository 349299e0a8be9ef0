"""Loading only the subcommand that is asked for: each takes up to a second to import."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from fleet.views.clean_stream import own_text

HOMES = {
    "run": "fleet.cli.run:run",
    "submit": "fleet.cli.submit:submit",
    "stop": "fleet.cli.stop:stop",
    "plan": "fleet.cli.plan:plan",
    "simulate": "fleet.cli.simulate:simulate",
    "status": "fleet.cli.status:status",
    "top": "fleet.cli.top:top",
    "devices": "fleet.cli.devices:devices",
    "verify": "fleet.cli.verify:verify",
    "requeue": "fleet.cli.requeue:requeue",
    "compact": "fleet.cli.compact:compact",
    "index": "fleet.cli.index:index_videos",
    "compile": "fleet.cli.compile:compile_command",
    "atc": "fleet.cli.atc:atc",
    "infer": "fleet.cli.infer:infer_command",
    "msame": "fleet.cli.msame:msame",
    "eval": "fleet.cli.evaluate:evaluate",
    "report": "fleet.cli.report:report",
    "show": "fleet.cli.show:show",
    "export": "fleet.cli.export:export",
    "view": "fleet.cli.view:view",
    "annexb": "fleet.cli.annexb:annexb",
    "demo": "fleet.cli.demo:demo",
    "chaos": "fleet.cli.chaos:chaos",
    "street": "fleet.street.command:street",
    "train": "fleet.cli.train:train",
}
"""Subcommand -> the function that implements it, in the order of the help."""


class _Command(TyperCommand):
    """A subcommand whose help keeps its colours."""

    def format_help(self, *context: Any) -> None:
        """Print the help."""
        with own_text():
            super().format_help(*context)


class LazyCommands(TyperGroup):
    """A group of the commands in HOMES; only the help loads all of them."""

    def __init__(self, **attributes: Any) -> None:
        # What Typer suggests in the place of a mistyped command, it takes from these names.
        super().__init__(**{**attributes, "commands": dict.fromkeys(HOMES)})

    def get_command(self, ctx: object, cmd_name: str) -> TyperCommand | None:
        """Return a command, or None where there is none of that name."""
        del ctx
        return load(cmd_name) if cmd_name in HOMES else None

    def format_help(self, *context: Any) -> None:
        """Print the help."""
        with own_text():
            super().format_help(*context)


def load(name: str) -> TyperCommand:
    """Return a command of HOMES, made of the function that implements it."""
    module, _, function = HOMES[name].partition(":")
    alone = typer.Typer(add_completion=False)
    alone.command(name, cls=_Command)(getattr(import_module(module), function))
    command = typer.main.get_command(alone)
    assert isinstance(command, TyperCommand)
    return command
