"""The simulated devices of a run, in the columns of `npu-smi info`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from fleet.ascend.soc import CHIPS, MB
from fleet.core.format import short
from fleet.table.state.run_records import DeviceRecord, RunRecord
from fleet.text import one_line
from fleet.views.layout import WIDTH, hang

_UNKNOWN = "-"
"""What nothing models, or no run has said."""
_RULE = f"+{'-' * 24}+{'-' * 12}+{'-' * 40}+"


def render_devices(uri: str, records: Iterable[RunRecord]) -> str:
    """Return the devices of each run at work on an output, at most 80 columns wide."""
    lines = [short(f"fleet devices  {one_line(uri)}", WIDTH)]
    for record in records:
        lines += ["", *_run(record)]
    note = (
        "All devices are simulated. Engines and AICore: their modelled share of the time of the "
        "slowest engine in the last lease; none of it is measured on a chip. Power, temperature, "
        "hugepages and bus are not modelled (-)."
    )
    return "\n".join([*lines, "", *hang("", note)])


def _run(record: RunRecord) -> Iterator[str]:
    chip = record.soc or "an unknown chip"
    yield f"Simulated {one_line(chip)}, run on {short(one_line(record.holder.host), 40)}"
    yield _RULE
    yield _line("NPU   Name", "Health", f"{'Power(W)':<9}{'Temp(C)':<8}Hugepages-Usage(page)")
    yield _line("Chip  Device", "Bus-Id", f"{'AICore(%)':<17}Memory-Usage(MB)")
    yield _RULE.replace("-", "=")
    for number, device in enumerate(record.devices):
        yield from _rows(number, device, record.soc)
        yield _RULE
    yield ""
    yield f"  {'NPU':<5}{'Process':<9}{'Node':<11}{'Peak(MB)':>8}  Engines(%)"
    for number, device in enumerate(record.devices):
        yield _process(number, device)
    if more := record.device_count - len(record.devices):
        yield f"  and {more:,} more"


def _rows(number: int, device: DeviceRecord, soc: str) -> Iterator[str]:
    name = one_line(soc.removeprefix("Ascend")) or _UNKNOWN
    health = "OK" if device.state else _UNKNOWN
    yield _line(f"{number:<6}{name}", health, f"{_UNKNOWN:<9}{_UNKNOWN:<8}{_UNKNOWN} / {_UNKNOWN}")
    whole = f"{CHIPS[soc].memory_bytes // MB}" if soc in CHIPS else _UNKNOWN
    cores = _percent(device.chip_busy, "model")
    used = f"{_mb(device.memory_bytes)} / {whole}"
    yield _line(f"{0:<6}{short(one_line(device.name), 16)}", _UNKNOWN, f"{cores:<17}{used}")


def _line(first: str, second: str, third: str) -> str:
    return f"| {short(first, 22):<22} | {second:<10} | {short(third, 38):<38} |"


def _process(number: int, device: DeviceRecord) -> str:
    busy = sorted(device.chip_busy, key=lambda engine: (-device.chip_busy[engine], engine))
    shares = " ".join(f"{one_line(name)} {_percent(device.chip_busy, name)}" for name in busy)
    pid, node = str(device.pid or _UNKNOWN), short(one_line(device.node) or _UNKNOWN, 10)
    peak = _mb(device.peak_memory_bytes)
    head = f"  {number:<5}{pid:<9}{node:<11}{peak:>8}  "
    return head + short(shares or _UNKNOWN, WIDTH - len(head))


def _mb(count: int) -> str:
    return f"{count / MB:.0f}" if count else _UNKNOWN


def _percent(busy: Mapping[str, float], engine: str) -> str:
    """Return a share of the last lease; before the first it is unknown."""
    return f"{100 * busy.get(engine, 0.0):.0f}" if busy else _UNKNOWN
