"""What the tests of real and generated videos share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from counted import EXAMPLES, table


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where generated clips are kept, so that each is encoded once."""
    return tmp_path_factory.mktemp("clips")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand over what this process has counted, where others run beside it."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["examples"] = dict(EXAMPLES)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add what another process has counted."""
    EXAMPLES.update(getattr(node, "workeroutput", {}).get("examples", {}))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print how many examples there were, where that is what a run is for."""
    if config.getoption("--hypothesis-profile", None) == "prove" and EXAMPLES:
        terminalreporter.section("examples by kind and container")
        for line in table(EXAMPLES):
            terminalreporter.write_line(line)
