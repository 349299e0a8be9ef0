"""Loading only the subcommand that is asked for: each takes up to a second to import."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from fleet.cli.pages import LIST
from fleet.loading import loading

HOMES = {
    "run": "fleet.cli.run:run",
    "plan": "fleet.cli.plan:plan",
    "submit": "fleet.cli.submit:submit",
    "jobs": "fleet.cli.jobs:jobs",
    "logs": "fleet.cli.logs:logs",
    "stop": "fleet.cli.stop:stop",
    "status": "fleet.cli.status:status",
    "top": "fleet.cli.top:top",
    "verify": "fleet.cli.verify:verify",
    "requeue": "fleet.cli.requeue:requeue",
    "compact": "fleet.cli.compact:compact",
    "index": "fleet.cli.index:index_videos",
    "report": "fleet.cli.report:report",
    "browse": "fleet.cli.browse:browse",
    "show": "fleet.cli.show:show",
    "view": "fleet.cli.view:view",
    "annexb": "fleet.cli.annexb:annexb",
    "trace": "fleet.cli.trace:trace",
    "eval": "fleet.cli.evaluate:evaluate",
    "export": "fleet.cli.export:export",
    "clips": "fleet.cli.clips:clips",
    "publish": "fleet.cli.publish:publish",
    "compile": "fleet.cli.compile:compile_command",
    "atc": "fleet.cli.atc:atc",
    "infer": "fleet.cli.infer:infer_command",
    "msame": "fleet.cli.msame:msame",
    "devices": "fleet.cli.devices:devices",
    "demo": "fleet.cli.demo:demo",
    "doctor": "fleet.cli.doctor:doctor",
    "simulate": "fleet.cli.simulate:simulate",
    "chaos": "fleet.cli.chaos:chaos",
    "street": "fleet.street.command:street",
    "train": "fleet.cli.train:train",
    "words": "fleet.cli.words:words",
}
"""Subcommand -> the function that implements it, in the order of the help."""


class _Command(TyperCommand):
    """A subcommand whose help fits a screen."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        del formatter
        from fleet.cli.help import page_of  # noqa: PLC0415 - only who asks for help needs rich
        from fleet.views.clean_console import CleanConsole  # noqa: PLC0415
        from fleet.views.help import lay_out_command  # noqa: PLC0415

        console = CleanConsole()
        console.print(
            lay_out_command(page_of(self, ctx.command_path), console.width), soft_wrap=True
        )


class LazyCommands(TyperGroup):
    """A group of the commands in HOMES, none of which is loaded before it is asked for."""

    def __init__(self, **attributes: Any) -> None:
        # What Typer suggests in the place of a mistyped command, it takes from these names.
        super().__init__(**{**attributes, "commands": dict.fromkeys(HOMES)})
        self._completes = False

    def get_command(self, ctx: object, cmd_name: str) -> TyperCommand | None:
        """Return a command, or None where there is none of that name."""
        del ctx
        if cmd_name not in HOMES:
            return None
        if self._completes:
            return TyperCommand(cmd_name, short_help=LIST[cmd_name].summary)
        return load(cmd_name)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Return the commands that begin so, without loading them: a shell asks at each Tab."""
        self._completes = True
        try:
            return super().shell_complete(ctx, incomplete)
        finally:
            self._completes = False

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        del formatter
        from fleet.cli.help import page_of_all  # noqa: PLC0415 - only who asks for help needs rich
        from fleet.views.clean_console import CleanConsole  # noqa: PLC0415
        from fleet.views.help import lay_out_commands  # noqa: PLC0415

        console = CleanConsole()
        page = page_of_all(self, ctx.command_path, ctx)
        console.print(lay_out_commands(page, console.width), soft_wrap=True)


def load(name: str) -> TyperCommand:
    """Return a command of HOMES, made of the function that implements it."""
    module, _, function = HOMES[name].partition(":")
    alone = typer.Typer(add_completion=False)
    with loading():
        home = import_module(module)
    alone.command(name, cls=_Command)(getattr(home, function))
    command = typer.main.get_command(alone)
    assert isinstance(command, TyperCommand)
    return command
