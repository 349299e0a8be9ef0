"""The help of a command, read from its parameters as Typer holds them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from fleet.cli.pages import LIST
from fleet.views.help import Entry, Group, Page
from fleet.views.typed import USUAL

SEE = "Words such as lease, part, GOP or AIPP: {} words."
_VALUES: Mapping[Any, str] = {int: "N", float: "X", Path: "PATH", str: "TEXT"}
"""Type of an option -> what its value is called where the option has no word for it."""
_ARGUMENTS, _OPTIONS = "Arguments", "Options"
_HELP = "--help"
_NOT_LISTED = {_HELP, "--install-completion", "--show-completion"}
"""Options of `fleet` itself that its page tells of in its last row, or not: it fills a screen."""
_TEXTS = {"--show-completion": "Print what that would install."}
"""Option -> its help, where Typer's own is longer than a row."""


def page_of(command: TyperCommand, path: str) -> Page:
    """Return the help of a subcommand; `path` is what is typed to call it, such as fleet run."""
    params = [p for p in command.params if not p.hidden]  # type: ignore[attr-defined]
    named = command.name or ""
    fleet = path.removesuffix(f" {named}")
    return Page(
        usage=" ".join((path, *_usage(params))),
        about=_about(command.help or ""),
        groups=_groups(params),
        examples=tuple(example.replace(USUAL, fleet, 1) for example in LIST[named].examples),
        see=SEE.format(fleet),
    )


def page_of_all(group: TyperGroup, path: str, context: Any) -> Page:
    """Return the help of the command that has the others."""
    listed: dict[str, list[Entry]] = {}
    for name, command in LIST.items():
        listed.setdefault(command.group, []).append(Entry(name, command.summary))
    options = [p for p in group.get_params(context) if _NOT_LISTED.isdisjoint(p.opts)]
    return Page(
        usage=f"{path} COMMAND ...",
        about=_about(group.help or ""),
        groups=(
            *(Group(title, tuple(entries)) for title, entries in listed.items()),
            Group(_OPTIONS, tuple(map(_entry, options))),
        ),
        examples=(),
        see=f"What a command takes: {path} COMMAND --help. Completion: --install-completion.",
    )


def _about(text: str) -> str:
    """Return paragraphs of a docstring, each in one line."""
    return "\n\n".join(" ".join(part.split()) for part in text.strip().split("\n\n"))


def _usage(params: list[Any]) -> Iterator[str]:
    """Yield what stands behind the command: arguments, what is required, and that there is more."""
    for param in params:
        if isinstance(param, TyperArgument):
            yield _name(param) if param.required else f"[{_name(param)}]"
    options = [param for param in params if isinstance(param, TyperOption)]
    yield from (_name(param) for param in options if param.required)
    if not all(param.required for param in options):
        yield "[OPTIONS]"


def _groups(params: list[Any]) -> tuple[Group, ...]:
    """Return groups of parameters in their order; what needs no title of its own comes last."""
    found: dict[str, list[Entry]] = {}
    for param in params:
        usual = _ARGUMENTS if isinstance(param, TyperArgument) else _OPTIONS
        found.setdefault(param.rich_help_panel or usual, []).append(_entry(param))
    return tuple(Group(title, tuple(entries)) for title, entries in found.items())


def _entry(param: Any) -> Entry:
    text = _TEXTS.get(param.opts[0], param.help or "")
    said = []
    if param.required and isinstance(param, TyperOption):
        said.append("required")
    if default := default_of(param):
        said.append(f"default: {default}")
    if param.envvar:
        said.append(f"or by {param.envvar}")
    return Entry(_name(param), f"{text} [{'; '.join(said)}]" if said else text)


def _name(param: Any) -> str:
    if isinstance(param, TyperArgument):
        return str(param.metavar or param.name.upper()).strip("[]")
    opts = [*param.opts, *param.secondary_opts]
    # msame takes its words with one dash as well, which its page says once.
    short = [opt for opt in opts if len(opt) == 2]
    names = [*short, *(opt for opt in opts if opt.startswith("--"))]
    separator = "/" if param.secondary_opts else ", "
    value = "" if param.is_flag else f" {param.metavar or _value(param)}"
    return f"{separator.join(names)}{value}"


def _value(param: Any) -> str:
    kind = param.type_descriptor.annotation
    if get_origin(kind) is list:
        (kind,) = get_args(kind)
    return _VALUES[kind]


def default_of(param: Any) -> str:
    """Return the default of a parameter in words; empty where there is none to tell."""
    if isinstance(param.show_default, str):
        return param.show_default
    value = param.default
    if isinstance(value, bool):
        names = param.opts if value else param.secondary_opts
        return str(names[0]).lstrip("-") if param.secondary_opts else ""
    return "" if value in (None, "", ()) else str(value)
