"""A simulated run, as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from fleet.core.format import duration, percent, plural
from fleet.plan.index_leases import HEADER_S
from fleet.simulate.conditions import Conditions
from fleet.simulate.run import Outcome
from fleet.simulate.streamed import Planned
from fleet.simulate.whatif import Table
from fleet.views.layout import fact


def render(
    table: Table,
    conditions: Conditions,
    what: str,
    basis: str,
    seed: int,
    per_device_hour: float | None,
    planned: Planned | None = None,
) -> str:
    """Return the text of a simulation, 80 columns wide.

    `what`: what was simulated. `basis`: where its times come from. `per_device_hour`: the price of
    a device for an hour, None where no price is asked for. `planned`: how its plan was made, where
    that is simulated too.
    """
    lines = [f"Simulated, nothing was run: {what}, seed {seed}", ""]
    for head, text in _facts(table.asked, conditions, basis, per_device_hour):
        lines += fact(head, text)
    for head, text in _plan(planned) if planned else ():
        lines += fact(head, text)
    if table.others:
        lines += ["", *_what_if(table, per_device_hour)]
    return "\n".join(lines)


def _facts(
    run: Outcome, conditions: Conditions, basis: str, per_device_hour: float | None
) -> Iterator[tuple[str, str]]:
    yield "times", basis
    yield "conditions", _conditions(conditions)
    bound = f"the least that any schedule takes ({duration(run.bound_s)})"
    yield "makespan", f"{duration(run.makespan_s)}, {run.over_bound:.3f} x {bound}"
    lost = percent(run.lost_s, run.device_s)
    yield "use", f"{percent(run.useful_s, run.device_s)} of device time; {lost} lost in failures"
    cut = f"{run.shared:,} cut to be shared, {run.quarantined:,} given up"
    yield "leases", f"{run.leases:,} done, each once; {cut}"
    wasted = f"{duration(run.wasted_s)} of devices ({100 * run.waste:.3f} % of the work)"
    yield "backups", f"{run.backups:,}; done for nothing: {wasted}"
    yield "failures", plural(run.failures, "device")
    hours = run.device_s / 3600
    price = "" if per_device_hour is None else f", {hours * per_device_hour:,.2f}"
    yield "cost", f"{_amount(hours)} device-hours{price}"
    yield "ledger", f"{run.events:,} events"


def _plan(planned: Planned) -> Iterator[tuple[str, str]]:
    yield "begins", f"{duration(planned.first_s)} after the videos are listed"
    yield "plan", f"whole after {duration(planned.whole_s)}, in {plural(planned.windows, 'window')}"
    yield "headers", f"{planned.here:,} looked at by the driver, {_by_nodes(planned)}"
    pace = planned.pace
    looks = f"{pace.cores} headers at a time on each node, {1000 * HEADER_S:g} ms each"
    yield "modelled", f"{looks}; {1000 * pace.plan_s:g} ms a video to plan"


def _by_nodes(planned: Planned) -> str:
    elsewhere, asked = planned.videos - planned.here, planned.pace.nodes
    if not elsewhere:
        return "none by nodes"
    nodes = plural(asked, "node")
    if planned.workers < asked:
        nodes = f"{planned.workers:,} of {nodes}, more are not asked"
    return f"{elsewhere:,} in {plural(planned.index_leases, 'index lease')} by {nodes}"


def _conditions(conditions: Conditions) -> str:
    slow = "no device is slow"
    if conditions.slow_share:
        share = f"{100 * conditions.slow_share:g} % of devices"
        slow = f"{share} take {conditions.slow_factor:g} times as long"
    failures = "none fails"
    if conditions.failures_a_minute:
        failures = (
            f"{100 * conditions.failures_a_minute:g} % fail a minute, to be replaced after "
            f"{conditions.replace_s:g} s"
        )
    return f"{slow}; {failures}; leases are off their estimate by {100 * conditions.noise:g} %"


def _what_if(table: Table, per_device_hour: float | None) -> Iterator[str]:
    price = "" if per_device_hour is None else f"{'price':>12}"
    yield f"{'devices':>9}{'makespan':>12}{'x least':>9}{'use':>8}{'device-hours':>14}{price}"
    for run in sorted((table.asked, *table.others), key=lambda run: run.devices):
        hours = run.device_s / 3600
        paid = "" if per_device_hour is None else f"{hours * per_device_hour:>12,.2f}"
        yield (
            f"{run.devices:>9,}{duration(run.makespan_s):>12}{run.over_bound:>9.3f}"
            f"{percent(run.useful_s, run.device_s):>8}{_amount(hours):>14}{paid}"
        )


def _amount(hours: float) -> str:
    return f"{hours:,.4f}" if hours < 1 else f"{hours:,.1f}"
