"""The rules of a chip with their sources, as text for a terminal."""

from __future__ import annotations

import re

from fleet.ascend.figures.rules import Rule, Rules
from fleet.core.format import plural
from fleet.views.layout import hang

_NAME = re.compile(r"\[([^\]]+)\]")


def render_rules(chip: str, found: Rules) -> str:
    """Return each rule, its basis, its source and where it is enforced, then the addresses."""
    named = [rule for rule in found.rules if rule.files]
    counts = f"{plural(len(found.rules), 'rule')}, {len(named):,} of them named by the code"
    lines = [f"Rules of the simulated {chip}: {counts}"]
    section = ""
    for rule in found.rules:
        if rule.section != section:
            section = rule.section
            lines += ["", section]
        lines += _rule(rule)
    used = {name for rule in found.rules for name in _NAME.findall(rule.source)}
    lines += ["", "Sources"]
    lines += [f"  {name}: {at}" for name, at in sorted(found.addresses.items()) if name in used]
    return "\n".join([*lines, "", *_legend()])


def _rule(rule: Rule) -> list[str]:
    where = ", ".join(rule.files) or "followed, and named nowhere"
    return [
        f"  {rule.id} ({rule.basis})",
        *hang("    ", rule.text.replace("`", "")),
        *hang("    source    ", rule.source),
        *hang("    enforced  ", where),
    ]


def _legend() -> list[str]:
    return hang(
        "",
        "D documented, I inferred, N no public figure. A rule names the chips that it concerns; "
        "without a name it concerns all. Enforced: files below fleet/.",
    )
