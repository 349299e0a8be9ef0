"""Where the help lists each command, by which words, and the examples of its page."""

from __future__ import annotations

from dataclasses import dataclass

RUN, WATCH, LOOK, TAKE = "Run", "Watch, keep", "Look", "Take along"
MODELS, TRY = "Models", "Try, learn"
"""The groups of commands."""


@dataclass(frozen=True)
class Listed:
    """A command as the help tells of it."""

    group: str
    """The group that it is listed in."""
    summary: str
    """What it does, in one row of the list."""
    examples: tuple[str, ...]
    """Commands to copy, one row each."""


LIST = {
    "run": Listed(
        RUN,
        "Run a job over videos, here or on a Ray cluster.",
        (
            "fleet run --input clips --model build/demo/street.om --output build/found",
            "fleet run jobs/thumbnails.toml --input clips --set width=160 --on inline",
        ),
    ),
    "plan": Listed(
        RUN,
        "Print the work and the cost of a run before it runs.",
        ("fleet plan jobs/detect.toml --input clips --model build/demo/street.om",),
    ),
    "submit": Listed(
        RUN,
        "Send a job to a cluster, and follow it there.",
        ("fleet submit jobs/detect.toml --address http://head:8265 --max-devices 64",),
    ),
    "jobs": Listed(
        RUN,
        "List what runs and ran on a cluster.",
        ("fleet jobs --address http://head:8265",),
    ),
    "logs": Listed(
        RUN,
        "Print what a job on a cluster has printed.",
        ("fleet logs raysubmit_yzkJrK6CfW9xsVGy --follow --address http://head:8265",),
    ),
    "stop": Listed(
        RUN,
        "Stop a job on a cluster; what is committed is kept.",
        ("fleet stop raysubmit_yzkJrK6CfW9xsVGy --address http://head:8265",),
    ),
    "status": Listed(
        WATCH, "Print how a job stands, also while it runs.", ("fleet status build/found",)
    ),
    "top": Listed(
        WATCH,
        "Show nodes, devices and videos of a run while it lasts.",
        ("fleet top build/found", "fleet top build/found --once"),
    ),
    "verify": Listed(
        WATCH,
        "Prove that all is there, once, and as it was written.",
        (
            "fleet verify build/found",
            "fleet verify build/found --deep 20 --model build/demo/street.om",
        ),
    ),
    "requeue": Listed(
        WATCH,
        "Have the next run do again what was lost.",
        ("fleet requeue build/found --reason decode",),
    ),
    "compact": Listed(
        WATCH, "Replace many small parts by few large ones.", ("fleet compact build/found",)
    ),
    "index": Listed(
        LOOK, "Print what a video's header says.", ("fleet index clips/town_1080p.mp4",)
    ),
    "report": Listed(
        LOOK,
        "Write an output as one page that opens offline.",
        ("fleet report build/found --out report.html",),
    ),
    "browse": Listed(
        LOOK,
        "Serve an output to a browser: frames, search, clips.",
        ("fleet browse build/found",),
    ),
    "show": Listed(
        LOOK,
        "Draw on frames what was found in them.",
        ("fleet show build/found --uri town_1080p.mp4 --at 12 --out frame.png",),
    ),
    "view": Listed(
        LOOK,
        "Write a picture of a video, JPEG or raw buffer as PNG.",
        (
            "fleet view clips/town_1080p.mp4 --at 12 --out frame.png",
            "fleet view buffer.yuv --size 1024x688 --out picture.png",
        ),
    ),
    "annexb": Listed(
        LOOK,
        "Write a video's H.264 or H.265 stream alone.",
        ("fleet annexb clips/town_1080p.mp4 --out town.h264",),
    ),
    "trace": Listed(
        LOOK,
        "Write what devices did when, for Perfetto.",
        ("fleet trace build/found --out trace.json",),
    ),
    "eval": Listed(
        LOOK,
        "Compare an output with the truth: average precision.",
        ("fleet eval build/found --truth build/truth --plots build/plots",),
    ),
    "export": Listed(
        TAKE,
        "Write frames and boxes in the form of another tool.",
        (
            "fleet export build/found --format coco --out build/coco --label car --images",
            "fleet export build/found --format csv --out build/csv --min-score 0.5",
        ),
    ),
    "clips": Listed(
        TAKE,
        "Cut out the stretches in which something was found.",
        (
            "fleet clips build/found --label person --min-score 0.5 --out build/clips",
            "fleet clips build/found --crops --expand 0.1 --out build/crops",
        ),
    ),
    "publish": Listed(
        TAKE,
        "Publish the tables as Delta or Iceberg tables.",
        (
            "fleet publish build/found",
            "fleet publish build/found --format iceberg --catalog lake",
        ),
    ),
    "compile": Listed(
        MODELS,
        "Compile an ONNX detector for the simulated chip.",
        (
            "fleet compile FastestDet.onnx --labels coco.names --output build/town",
            "fleet compile --show build/town.om",
        ),
    ),
    "atc": Listed(
        MODELS,
        "Compile a network of Caffe or ONNX by ATC's options.",
        ("fleet atc --model=n.onnx --framework=5 --output=n --soc_version=Ascend310",),
    ),
    "infer": Listed(
        MODELS,
        "Run one compiled model on given data, and time it.",
        ("fleet infer --model build/town.om --loop 20",),
    ),
    "msame": Listed(
        MODELS,
        "The same by the names of msame's options.",
        ("fleet msame --model build/town.om --output build/raw --outfmt TXT",),
    ),
    "devices": Listed(
        MODELS,
        "Show the simulated chips, or the devices of a run.",
        ("fleet devices build/found", "fleet devices --rules Ascend310P3"),
    ),
    "demo": Listed(TRY, "Fleet from end to end on this machine, in 2 minutes.", ("fleet demo",)),
    "doctor": Listed(
        TRY,
        "Check what is well here, with the way out of what is not.",
        (
            "fleet doctor",
            "fleet doctor --input s3://archive --output s3://found --model street.om",
        ),
    ),
    "simulate": Listed(
        TRY,
        "Simulate a run on devices that do not exist.",
        ("fleet simulate --leases 20000 --devices 500",),
    ),
    "chaos": Listed(
        TRY,
        "Run a job under faults, and compare the rows.",
        ("fleet chaos jobs/detect.toml --output build/chaos --set sample=every=5",),
    ),
    "street": Listed(
        TRY,
        "Render a synthetic street archive with its truth.",
        ("fleet street --output build/street --cameras 2 --seconds 10",),
    ),
    "train": Listed(
        TRY,
        "Train the street detector, as on an Ascend 910.",
        ("fleet train jobs/train_street.toml --set steps=300",),
    ),
    "words": Listed(
        TRY, "Explain a word that commands print.", ("fleet words", "fleet words lease")
    ),
}
"""Command -> how the help tells of it, in the order of the list."""
