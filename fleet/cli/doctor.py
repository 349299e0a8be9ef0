"""`fleet doctor`: what is well here, and the way out of what is not."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Annotated

import typer

from fleet.cli import typed
from fleet.cli.codes import EXIT_FAILED
from fleet.cli.output_folder import AsJson, print_list
from fleet.doctor.finding import Finding, examined, is_fit, render
from fleet.doctor.machine import examine_libraries, examine_scratch, judge, measure

Examination = tuple[str, Callable[[], Iterable[Finding]]]


def doctor(
    *,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input", metavar="URI", help="Whether it can be listed and read; repeatable."
        ),
    ] = None,
    output: Annotated[
        str | None, typer.Option(metavar="URI", help="Whether it can be written; its clock.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="FILE", help="Whether it is compiled, and runs.")
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            envvar="RAY_API_SERVER_ADDRESS",
            metavar="URL",
            help="The dashboard of a cluster: whether it lets us in, what it has, its clock.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check Python, FFmpeg, Ray and this machine; and a store, model or cluster that is named.

    Each that is not well comes with the way out. A small object is put into the output and deleted;
    nothing else is changed. Exit code: 0 a run can begin, 1 something is bad.
    """
    findings = list(_examine(inputs or [], output, model, address))
    if as_json:
        print_list(findings)
    else:
        typer.echo(render([replace(each, way_out=typed(each.way_out)) for each in findings]))
    if not is_fit(findings):
        raise typer.Exit(EXIT_FAILED)


def _examine(
    inputs: list[str], output: str | None, model: str | None, address: str | None
) -> Iterator[Finding]:
    yield from judge(measure(), for_cluster=_has_cluster(address))
    for what, examine in _asked(inputs, output, model, address):
        yield from examined(what, examine)


def _asked(
    inputs: list[str], output: str | None, model: str | None, address: str | None
) -> Iterator[Examination]:
    """Yield what is to be examined; each brings libraries along that the others do not need."""
    for_cluster = _has_cluster(address)
    yield "Ray's folder", partial(examine_scratch, for_cluster=for_cluster)
    yield "libraries", partial(examine_libraries, for_cluster=for_cluster)
    if for_cluster:
        from fleet.doctor.cluster import examine_dashboard, examine_joined  # noqa: PLC0415

        yield "RAY_ADDRESS", partial(examine_joined, os.environ)
        if address:
            yield "cluster", partial(examine_dashboard, address)
    if inputs or output:
        from fleet.doctor.stores import examine_input, examine_output  # noqa: PLC0415

        if inputs:
            yield "input", partial(examine_input, inputs)
        if output:
            yield "output", partial(examine_output, output)
    if model:
        from fleet.doctor.models import examine_model  # noqa: PLC0415

        yield "model", partial(examine_model, model)


def _has_cluster(address: str | None) -> bool:
    """Return whether a cluster is named, for which Ray is needed."""
    return bool(os.environ.get("RAY_ADDRESS") or address)
