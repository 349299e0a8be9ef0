"""`fleet devices`: the simulated chips, their speeds and rules, and those of a running job."""

from __future__ import annotations

import os
import re
import time
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
from command import fleet_here
from made_up import JOB, claimed

from fleet.ascend.figures.documented import FIGURES
from fleet.ascend.figures.rules import TRAINED_ON, read_rules
from fleet.ascend.soc import CHIPS, MB
from fleet.clock import SYSTEM_CLOCK
from fleet.core.progress import Progress
from fleet.core.receipt import Receipt, Tally
from fleet.core.run_events import DeviceJoined, LeaseDone, LeaseStarted, RunEvent, RunStarted
from fleet.driver.heartbeat import Heartbeat
from fleet.storage import Folder
from fleet.table.state.holder import Holder
from fleet.table.state.run_records import HEARTBEAT_S, RunRecord, RunRecords

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "chip.md").read_text("utf-8")
_ROW = re.compile(
    r"^  (?:vdec|vpc|jpegd|jpege|pngd|venc|model) .*? ([DIN]) ([\w-]+)$", re.MULTILINE
)


def test_every_speed_is_compared() -> None:
    """A row for each figure, in 80 columns, and that nothing of it is measured."""
    done = fleet_here("devices", "--rates")
    assert done.returncode == 0, done.stderr
    rows = _ROW.findall(done.stdout)
    assert rows == [(figure.basis, figure.rule) for figure in FIGURES]
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    assert "nothing is measured" in done.stdout


@pytest.mark.parametrize("chip", list(CHIPS))
def test_one_chip_can_be_asked_for(chip: str) -> None:
    """Its rows alone."""
    done = fleet_here("devices", "--rates", "--soc", chip)
    assert len(_ROW.findall(done.stdout)) == sum(figure.chip == chip for figure in FIGURES)
    assert [name for name in CHIPS if f"{name} (simulated)" in done.stdout] == [chip]


def test_without_a_word_the_chips_stand_beside_each_other() -> None:
    """A column each, by its table; what a chip has not is a dash."""
    done = fleet_here("devices")
    assert done.returncode == 0, done.stderr
    assert re.search(r"memory, MB +7,759 +21,534 +32,768\n", done.stdout)
    assert re.search(r"VDEC +480 +2,880 +480\n", done.stdout)
    assert re.search(r"VENC +30 +30 +-\n", done.stdout)
    assert "modelled" in done.stdout


def page_rows() -> list[str]:
    """The ids of the rules of the page."""
    return re.findall(r'^\| <a id="([\w-]+)"></a>', PAGE, re.MULTILINE)


@pytest.mark.parametrize("chip", list(CHIPS))
def test_every_rule_of_the_page_is_printed_with_its_source(chip: str) -> None:
    """Those of training are for the chip that trains; each has its basis and where it is held."""
    done = fleet_here("devices", "--rules", chip)
    assert done.returncode == 0, done.stderr
    printed = re.findall(
        r"^  ([\w-]+) \([DIN].*?\)\n(?:    .*\n)+?    source    \S.*\n(?:     .*\n)*    enforced  \S",
        done.stdout,
        re.MULTILINE,
    )
    expected = [name for name in page_rows() if chip == TRAINED_ON or name[:6] != "train-"]
    assert printed == expected
    assert "  VDEC-perf: https://" in done.stdout


def test_where_a_rule_is_enforced_is_what_the_code_cites() -> None:
    """Files that are there, and name it; most rules have some."""
    found = read_rules(TRAINED_ON).rules
    for rule in found:
        for name in rule.files:
            assert f"docs/chip.md#{rule.id}" in (ROOT / "fleet" / name).read_text("utf-8")
    assert sum(bool(rule.files) for rule in found) > 0.6 * len(found)


def test_an_installed_fleet_carries_the_page() -> None:
    """The wheel has it where it is looked for first."""
    made = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    carried = made["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert carried["docs/chip.md"] == "fleet/docs/chip.md"


def test_rules_of_no_chip_are_refused() -> None:
    """With the names of those that there are."""
    done = fleet_here("devices", "--rules", "Ascend999")
    assert done.returncode == 2
    assert "Ascend310P3" in done.stderr


RUNNER = Holder.me("fleet run", JOB.digest, 1_800_000_000.0)


def told(
    folder: Folder, *events: RunEvent, state: str = "running", soc: str = "Ascend310P3"
) -> None:
    """Put the record of a run of which these events are known."""
    record = RunRecord(RUNNER, state, 0.0, soc=soc)
    beat = Heartbeat(RunRecords(folder), record, SYSTEM_CLOCK)
    for event in events:
        beat.on_event(event)
    beat.put(state)


def events_of(device: str, chip_s: dict[str, float], used: int, peak: int) -> list[RunEvent]:
    """What is told of a device that has done a lease and is in another one."""
    tally = Tally(frames=10, wall_s=2.0, chip_s=chip_s)
    at = Progress(
        device, "y", "in/b.mp4", 15, 5.0, "h", 4711, memory_bytes=used, peak_memory_bytes=peak
    )
    return [
        DeviceJoined(device, "node-a"),
        LeaseStarted(device, "x", 10, 10),
        LeaseDone(device, "x", Receipt("x", (), (), tally, device)),
        LeaseStarted(device, "y", 10, 10),
        at,
    ]  # fmt: skip


PLAN = RunStarted("out", 1, 40.0, 100, 4)


def test_a_run_is_shown_in_the_columns_of_npu_smi(tmp_path: Path) -> None:
    """What the chip models has a figure, everything else a dash; and all is called simulated."""
    out = claimed(Folder(str(tmp_path / "out")))
    chip_s = {"vdec": 4.0, "vpc": 1.0, "model": 0.2}
    told(out, PLAN, *events_of("npu/0", chip_s, 330 * MB, 412 * MB), DeviceJoined("npu/1", "n"))
    done = fleet_here("devices", out.uri)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert all(len(line) <= 80 for line in lines)
    heads = "NPU Name Health Power(W) Temp(C) Hugepages-Usage(page) Chip Device Bus-Id AICore(%) Memory-Usage(MB)"
    words = " ".join(done.stdout.replace("|", " ").split())
    assert heads in words
    assert "0 310P3 OK - - - / -" in words
    assert "0 npu/0 - 5 330 / 21534" in words
    assert "1 310P3 OK - - - / - 0 npu/1 - - - / 21534" in words
    assert "0 4711 node-a 412 vdec 100 vpc 25 model 5" in words
    assert "1 - n - -" in words
    assert "simulated" in done.stdout
    assert "not modelled" in words


def test_a_run_of_an_older_fleet_names_no_chip(tmp_path: Path) -> None:
    """No memory is made up for it."""
    out = claimed(Folder(str(tmp_path / "out")))
    told(out, PLAN, *events_of("npu/0", {}, 0, 0), soc="")
    done = fleet_here("devices", out.uri)
    words = " ".join(done.stdout.replace("|", " ").split())
    assert "Simulated an unknown chip" in words
    assert "0 npu/0 - - - / -" in words


def test_watching_goes_on_until_the_run_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table each time the record may be new, then how the run ended."""
    out = claimed(Folder(str(tmp_path / "out")))
    events = events_of("npu/0", {"vdec": 1.0}, 330 * MB, 412 * MB)
    told(out, PLAN, *events)
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        later = Progress("npu/0", "y", "in/b.mp4", 18, 6.0, "h", 4711, memory_bytes=350 * MB)
        told(out, PLAN, *events, later, state="running" if len(waits) < 2 else "finished")

    clock = SimpleNamespace(sleep=wait, time=time.time)
    monkeypatch.setattr("fleet.cli.devices.time", clock)
    done = fleet_here("devices", out.uri, "--watch")
    assert re.findall(r"(\d+) / 21534", done.stdout) == ["330", "350"]
    assert waits == [HEARTBEAT_S, HEARTBEAT_S]
    assert "Nothing runs on" in done.stdout


def test_a_real_run_says_what_its_device_holds(town_mkv: Path, tmp_path: Path) -> None:
    """The record that a run leaves has memory, process and engines of its device, and its chip."""
    options = (
        "--sample",
        "every=20",
        "--set",
        "lease_s=0.3",
        "--inline",
        "--set",
        "soc=Ascend310P3",
    )
    job = ROOT / "jobs" / "thumbnails.toml"
    out = tmp_path / "out"
    done = fleet_here("run", job, "--input", town_mkv, "--output", out, *options)
    assert done.returncode == 0, done.stderr
    (record,) = RunRecords(Folder(str(out))).read()
    (device,) = record.devices
    assert record.soc == "Ascend310P3"
    assert device.peak_memory_bytes >= device.memory_bytes > 4 * MB
    assert device.peak_memory_bytes < CHIPS["Ascend310P3"].memory_bytes
    assert device.pid == os.getpid()
    assert device.chip_busy["vdec"] == 1.0
    assert 0 < device.chip_busy["jpege"] < 1


@pytest.mark.parametrize(
    "options", [("--watch",), ("out", "--rates"), ("out", "--rules", "Ascend310"), ("out", "--soc", "Ascend310")]
)  # fmt: skip
def test_options_that_do_not_go_together_are_refused(options: tuple[str, ...]) -> None:
    """As bad usage, in words."""
    done = fleet_here("devices", *options)
    assert done.returncode == 2
    assert "fleet: error" in done.stderr
