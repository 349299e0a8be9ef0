"""The command that reads an output, for a shell: by DuckDB where it gets there, else by Fleet."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from fleet.storage.credentials import S3Access

_OF_SHELLS = re.compile(r'[\\"$`]')
_OF_PATTERNS = re.compile(r"[*?\[]")


def reading_command(
    output: str, table: str, access: S3Access | None, *, by_label: bool = False
) -> str:
    """Return a command that shows the rows of a table, or how many there are of each label.

    `access`: how an output at s3:// or obs:// is reached. Keys are not in it: DuckDB finds them as
    AWS's tools do, in the environment, in profiles, or by a role.
    """
    scheme = output.partition("://")[0] if "://" in output else ""
    if (scheme and access is None) or "\\" in output:
        # DuckDB wants other keys for Google's and Azure's stores than their own clients; and a
        # backslash is a slash to it.
        rows = f"fleet.read({output!r}).table({table!r}).head(10)"
        return f"python -c {_quoted(f'import fleet; print({rows}.to_pylist())')}"
    path = _OF_PATTERNS.sub(r"[\g<0>]", output)
    if scheme == "obs":
        path = "s3" + path.removeprefix("obs")
    what, behind = ("*", "limit 10")
    if by_label:
        what, behind = ("label, count(*)", "group by all order by 2 desc")
    query = " ".join(["select", what, "from", _text(f"{path}/{table}/*.parquet"), behind])
    if access is None:
        return f"duckdb -c {_quoted(query)}"
    variables = "".join(f'{name}="${here}" ' for name, here in access.renamed)
    return f"{variables}duckdb -c {_quoted(f'{_secret(access)}; {query}')}"


def _secret(access: S3Access) -> str:
    told = {"region": access.region}
    if access.endpoint:
        address = urlsplit(access.endpoint)
        told["endpoint"] = f"{address.netloc}{address.path.rstrip('/')}"
        told["url_style"] = "vhost" if access.bucket_in_host else "path"
        if address.scheme == "http":
            told["use_ssl"] = "false"
    fields = "".join(f", {name} {_text(value)}" for name, value in told.items())
    return f"create secret (type s3, provider credential_chain{fields})"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _quoted(script: str) -> str:
    """Return a script as one word of a shell; no backslash keeps ! from an interactive one."""
    if "!" in script:
        return shlex.quote(script)
    return '"' + _OF_SHELLS.sub(r"\\\g<0>", script) + '"'
