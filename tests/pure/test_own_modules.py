"""A job's identity sees the code that the job imports: edited helpers are another job."""

from __future__ import annotations

import hashlib
import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from fleet.driver.target.identity import identify
from fleet.errors import OutputTakenError, UsageError
from fleet.job.as_loaded import check_as_loaded
from fleet.job.code import code_digest, load_job_class
from fleet.job.job_file import load_job
from fleet.job.own_modules import own_modules
from fleet.storage import Folder
from fleet.table.state.ownership import claim

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
JOB = """
from dataclasses import dataclass
import numpy as np
import pyarrow as pa
from fleet import FrameJob
{imports}

@dataclass(frozen=True)
class Mine(FrameJob):
    table = "mine"
    schema = pa.schema([])

    def run(self, opened, batch):
        {body}
        raise NotImplementedError
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that modules are imported from, and forgotten again: the next test has such too."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if is_of(sys.modules[name], tmp_path):
            del sys.modules[name]


def is_of(module: ModuleType, folder: Path) -> bool:
    """Whether a module was loaded from a folder."""
    return Path(getattr(module, "__file__", None) or "/").is_relative_to(folder)


def digest_of(folder: Path, imports: str, body: str = "pass") -> str:
    """Load a job's file, and tell its digest."""
    path = folder / "job_of_mine.py"
    path.write_text(JOB.format(imports=imports, body=body))
    return code_digest(load_job_class("job_of_mine.py:Mine", folder))


def test_a_job_without_modules_of_its_own_keeps_its_digest(folder: Path) -> None:
    """It is that of its text: outputs of earlier versions are still its own."""
    assert (
        digest_of(folder, "import json, os.path")
        == hashlib.sha256((folder / "job_of_mine.py").read_bytes()).hexdigest()
    )
    recorded = json.loads((GOLDEN / "output" / "_JOB.json").read_bytes())["fields"]["code"]
    assert code_digest(load_job_class("job.py:Facts", GOLDEN)) == recorded
    for name in ("detect", "thumbnails"):
        assert own_modules((ROOT / "jobs" / f"{name}.py").read_text(), "", {}) == {}


@pytest.mark.parametrize(
    ("imports", "body"),
    [
        ("import helper_a", "pass"),
        ("from helper_a import answer", "pass"),
        ("import helper_a as h, json", "pass"),
        ("", "import helper_a"),
        ("try:\n    import not_there\nexcept ImportError:\n    import helper_a", "pass"),
        ("import helper_b", "pass"),
        ("from helper_pkg.deep import tool", "pass"),
        ("from helper_pkg import deep", "pass"),
        ("import helper_pkg.deep.tool", "pass"),
    ],
)
def test_an_edited_helper_is_another_job(folder: Path, imports: str, body: str) -> None:
    """Beside the job or in a package, imported directly or not, in whatever way."""
    helper = folder / "helper_a.py"
    helper.write_text("answer = 41\n")
    (folder / "helper_b.py").write_text("import helper_a, helper_b\n")
    (folder / "helper_pkg" / "deep").mkdir(parents=True)
    (folder / "helper_pkg" / "__init__.py").write_text("")
    (folder / "helper_pkg" / "deep" / "__init__.py").write_text("from . import tool\n")
    (folder / "helper_pkg" / "deep" / "tool.py").write_text("from ..up import value\n")
    (folder / "helper_pkg" / "up.py").write_text("from helper_a import answer as value\n")
    (folder / "unrelated.py").write_text("x = 1\n")
    before = digest_of(folder, imports, body)
    (folder / "unrelated.py").write_text("x = 2\n")
    assert digest_of(folder, imports, body) == before
    helper.write_text("answer = 42\n")
    assert digest_of(folder, imports, body) != before
    helper.write_text("answer = 41\n")
    assert digest_of(folder, imports, body) == before


def test_a_job_in_a_package_counts_what_it_imports_of_it(folder: Path) -> None:
    """By relative names; the packages on the way count with them."""
    package = folder / "of_mine" / "jobs"
    package.mkdir(parents=True)
    (folder / "of_mine" / "__init__.py").write_text("RATE = 1\n")
    (package / "__init__.py").write_text("")
    (folder / "of_mine" / "shared.py").write_text("x = 1\n")
    text = JOB.format(imports="from ..shared import x\nfrom . import other", body="pass")
    (package / "mine.py").write_text(text)
    (package / "other.py").write_text("")
    found = own_modules(text, "of_mine.jobs", {})
    assert {name: path.name for name, path in found.items()} == {
        "of_mine": "__init__.py",
        "of_mine.shared": "shared.py",
        "of_mine.jobs": "__init__.py",
        "of_mine.jobs.other": "other.py",
    }
    job = load_job_class("of_mine.jobs.mine:Mine", folder)
    before = code_digest(job)
    (folder / "of_mine" / "__init__.py").write_text("RATE = 2\n")
    assert code_digest(job) != before


def test_what_is_installed_does_not_count() -> None:
    """Nor the standard library, nor Fleet, whose versions tell: it may differ between nodes."""
    text = "import numpy.linalg, pyarrow, json, asyncio.events, ray\nfrom fleet import Rows, errors"
    assert own_modules(text, "", {}) == {}


def test_nothing_is_run_to_find_modules(folder: Path) -> None:
    """Not even the package around a module that is never imported."""
    (folder / "never_run").mkdir()
    (folder / "never_run" / "__init__.py").write_text("raise SystemExit('it ran')\n")
    (folder / "never_run" / "part.py").write_text("def f(:\n")
    found = own_modules("if False:\n    from never_run.part import f", "", {})
    assert set(found) == {"never_run", "never_run.part"}
    assert "never_run" not in sys.modules


def test_a_script_counts_the_modules_whose_names_its_class_uses(folder: Path) -> None:
    """Its class alone is its text, so what is imported above it is found by name."""
    (folder / "used_a.py").write_text("answer = 41\n")
    (folder / "unused_a.py").write_text("x = 1\n")
    imports = "import unused_a\nfrom used_a import f\nfrom fleet.job.code import code_digest"
    script = folder / "script.py"
    script.write_text(
        JOB.format(imports=imports, body="return f()") + "\nprint(code_digest(Mine))\n"
    )

    def printed() -> str:
        command = [sys.executable, "-B", str(script)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    (folder / "used_a.py").write_text("def f(): return 1\n")
    before = printed()
    (folder / "unused_a.py").write_text("x = 2\n")
    assert printed() == before
    (folder / "used_a.py").write_text("def f(): return 2\n")
    assert printed() != before


def test_an_output_is_not_all_done_after_an_edit(folder: Path) -> None:
    """The next run is told that it is another job, instead of finding nothing to do."""
    (folder / "counting.py").write_text("STEP = 1\n")
    (folder / "mine.py").write_text(JOB.format(imports="from counting import STEP", body="pass"))
    (folder / "mine.toml").write_text('job = "mine.py:Mine"\ninput = ["x"]\noutput = "out"\n')
    output = Folder(str(folder / "out"))
    claim(output, identify(load_job(folder / "mine.toml")).record, {})
    assert claim(output, identify(load_job(folder / "mine.toml")).record, {})
    (folder / "counting.py").write_text("STEP = 2\n")
    with pytest.raises(OutputTakenError, match="code has changed"):
        claim(output, identify(load_job(folder / "mine.toml")).record, {})


@pytest.mark.parametrize("late", [False, True])
def test_a_module_that_was_edited_since_it_was_loaded_runs_nowhere_but_in_processes_of_their_own(
    folder: Path, late: bool
) -> None:
    """There the job gets it from its file; here it is what was loaded, till that is done anew."""
    helper = folder / "helper_of_mine.py"
    helper.write_text("FACTOR = 1\n", "utf-8")
    told = ("", "import helper_of_mine") if late else ("import helper_of_mine", "pass")
    (folder / "job.py").write_text(JOB.format(imports=told[0], body=told[1]), "utf-8")

    def check(*, runs_here: bool = True) -> None:
        check_as_loaded(load_job_class("job.py:Mine", folder), runs_here=runs_here)

    check(runs_here=False)
    module = importlib.import_module("helper_of_mine")
    check()
    helper.write_text("FACTOR = 2 + 2\n", "utf-8")
    check(runs_here=False)
    with pytest.raises(UsageError, match="since this process has loaded it: helper_of_mine"):
        check()
    importlib.reload(module)
    check()
    del sys.modules["helper_of_mine"]
    helper.write_text("FACTOR = 3 + 3 + 3\n", "utf-8")
    check()


def test_a_job_in_a_module_that_was_edited_since_it_was_loaded_is_not_run_here(
    folder: Path,
) -> None:
    """Its class is the one that was loaded."""
    path = folder / "jobs_of_mine.py"
    path.write_text(JOB.format(imports="", body="pass"), "utf-8")
    job_class = load_job_class("jobs_of_mine:Mine", folder)
    check_as_loaded(job_class, runs_here=True)
    path.write_text(JOB.format(imports="", body="return None"), "utf-8")
    with pytest.raises(UsageError, match="has loaded it: jobs_of_mine"):
        check_as_loaded(job_class, runs_here=True)
