"""`fleet browse`: an output in a browser."""

from __future__ import annotations

from typing import Annotated

import typer

from fleet.cli.output_folder import Output


def browse(
    output: Output,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes one that is free.")] = 0,
    host: Annotated[
        str, typer.Option(metavar="HOST", help="Where it listens; the default is this machine's.")
    ] = "127.0.0.1",
) -> None:
    """Serve an output to a browser on this machine until Ctrl-C, while its job runs or after.

    It lists videos, finds rows by label, score, time and path, decodes any frame and draws its
    boxes, and makes clips that browsers play. Only who has the printed address is answered.
    """
    # It loads a server, and what decodes.
    from fleet.browse.access import is_loopback  # noqa: PLC0415
    from fleet.browse.serve import serve  # noqa: PLC0415

    if not is_loopback(host):
        typer.echo(
            f"Warning: other machines may reach {host}; what is sent there is not encrypted.",
            err=True,
        )
    serve(output, host, port, typer.echo)
