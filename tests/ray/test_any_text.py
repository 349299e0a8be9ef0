"""Jobs whose paths, cameras, files and rows hold any text, on a cluster."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.error import URLError
from urllib.parse import unquote

import pytest
import tomli_w
from any_text import ANY_TEXT
from generate import Clip, write
from ray_head import Head, ray_head
from s3_server import wait_until
from submitted import id_in

import fleet

JOB = """
from dataclasses import dataclass
import numpy as np
import pyarrow as pa
from fleet import FrameJob, Rows

@dataclass(frozen=True)
class Words(FrameJob):
    word: str
    table = "words"
    schema = pa.schema([("word", pa.string())])

    def run(self, opened, batch):
        print(self.word)
        every = np.arange(len(batch), dtype=np.int32)
        return Rows(every, {"word": [self.word] * len(every)})
"""
LOOKS = (("status",), ("verify",), ("top", "--once"), ("devices",), ("compact",), ("requeue",))


@pytest.fixture(scope="module")
def head() -> Iterator[Head]:
    """A head with a simulated device."""
    with ray_head(1) as running:
        yield running


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of ten frames."""
    return write(Clip(frames=10), tmp_path_factory.mktemp("clip") / "clip.mp4")


def make_job(folder: Path, clip: Path, text: str) -> Path:
    """Write a job with the text wherever there is one; its outputs are to lie beside it."""
    home = folder / text
    camera = home / "in" / f"camera={text}"
    camera.mkdir(parents=True)
    shutil.copyfile(clip, camera / f"{text}.mp4")
    (home / f"{text}.py").write_text(JOB)
    fields = {
        "job": f"{text}.py:Words",
        "input": [str(home / "in").replace("[", "[[]")],
        "partitions": "camera=(?P<camera>[^/]+)/",
        "params": {"word": text},
    }
    (home / f"{text}.toml").write_text(tomli_w.dumps(fields))
    return home / f"{text}.toml"


def ask(environment: dict[str, str], *words: object) -> str:
    """Run the command, which succeeds without a traceback; return what it prints."""
    command = [sys.executable, "-m", "fleet.cli", *map(str, words)]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    printed = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0, printed
    assert "Traceback" not in printed
    return printed


@pytest.mark.parametrize("text", ANY_TEXT)
def test_any_text_arrives_everywhere(head: Head, clip: Path, tmp_path: Path, text: str) -> None:
    """Joined and submitted; seen by each command, also where the terminal knows ASCII alone."""
    job = make_job(tmp_path, clip, text)
    outputs = [str(job.parent / name) for name in ("joined", "submitted")]
    client = dict(head.environment)
    ask({**client, "RAY_ADDRESS": head.address}, "run", job, "--output", outputs[0])
    labels = ("--label", f"{text.replace('=', '')}={text}")
    said = ask(client, "submit", "--address", head.url, job, "--output", outputs[1], *labels)
    address = ("--address", head.url)
    # A remark of Ray's may follow it.
    (listed,), _ = json.JSONDecoder().raw_decode(ask(client, "jobs", *address, *labels, "--json"))
    assert (listed["labels"][text], listed["output"]) == (text, outputs[1])
    assert listed["id"] in ask({**client, "LC_ALL": "C", "PYTHONUTF8": "0"}, "jobs", *address)
    assert "10 frames" in ask(client, "logs", *address, id_in(said))
    for output in outputs:
        row = fleet.read(output).table("words").to_table().to_pylist()[0]
        assert (row["word"], row["camera"]) == (text, text)
    for look in LOOKS:
        ask({**client, "LC_ALL": "C", "PYTHONUTF8": "0"}, *look, outputs[1])
    wait_until(lambda: set(outputs) <= outputs_in(metrics(head)), "the counters of both")


def outputs_in(exported: str) -> set[str]:
    """Return the outputs whose frames Ray exports."""
    quoted = re.findall(
        r'^ray_fleet_frames_total\{.*?output="((?:[^"\\]|\\.)*)"', exported, re.MULTILINE
    )
    return {unquote(re.sub(r"\\(.)", r"\1", name)) for name in quoted}


def metrics(head: Head) -> str:
    """Return what the nodes of a cluster export for Prometheus."""
    words = head.process.args
    assert isinstance(words, list)
    (option,) = (word for word in words if word.startswith("--temp-dir="))
    folder = Path(option.partition("=")[2])
    targets = json.loads((folder / "prom_metrics_service_discovery.json").read_text("utf-8"))
    texts = []
    for target in targets[0]["targets"]:
        # A node's exporter may not listen yet, on a busy machine.
        with (
            suppress(URLError),
            urllib.request.urlopen(f"http://{target}/metrics", timeout=60) as answer,
        ):
            texts.append(answer.read().decode())
    return "\n".join(texts)
