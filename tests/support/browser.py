"""A browser that nobody sees, what a page comes to once it is loaded, and axe, which judges it."""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_ANSWER = re.compile(r'<pre id="answer">(.*?)</pre>', re.DOTALL)


def browser() -> str | None:
    """Where there is a browser; None where there is none."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


def axe() -> Path | None:
    """Where npm has put axe-core, which finds what keeps people from using a page; None: nowhere.

    A folder of modules in NODE_PATH comes before npm's global one.
    """
    folders = [Path(each) for each in os.environ.get("NODE_PATH", "").split(os.pathsep) if each]
    if npm := shutil.which("npm"):
        command = [npm, "root", "--global"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        folders.append(Path(done.stdout.strip()))
    files = (folder / "axe-core" / "axe.min.js" for folder in folders)
    return next((file for file in files if file.is_file()), None)


def needed(found: object, name: str) -> str:
    """Return what was found as text; where there is nothing, CI fails, and others skip."""
    if found is None:
        reason = f"no {name} on this machine"
        if os.environ.get("CI"):
            pytest.fail(f"{reason}, which CI installs")
        pytest.skip(reason)
    return str(found)


def answer_of(program: str, shown: str, script: str, folder: Path) -> str:
    """What `script`, the body of a function, returns once a page is loaded that shows something.

    `shown`: in HTML. The page is put into `folder`. Colours are left as they are, so that samples
    can be compared with those of other decoders.
    """
    page = folder / "page.html"
    page.write_text(
        f'<!doctype html>{shown}<pre id="answer"></pre><script>\n'
        f"const answer = () => {{\n{script}\n}};\n"
        "window.onload = () => { document.getElementById('answer').textContent = answer(); };\n"
        "</script>\n",
        "utf-8",
    )
    # A root of a container has no user namespaces to make its sandbox of; nothing but our own page
    # is opened.
    options = [
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
        "--force-color-profile=srgb",
        f"--user-data-dir={folder / 'profile'}",
    ]
    command = [program, *options, "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    found = _ANSWER.search(done.stdout)
    assert found, f"{program} ended with {done.returncode}: {done.stdout}{done.stderr}"
    return html.unescape(found[1])
