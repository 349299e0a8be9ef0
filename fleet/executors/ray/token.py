"""The token of a cluster, tried before Ray is asked, which tries for a while and names no token."""

from __future__ import annotations

from ray._private.grpc_utils import init_grpc_channel
from ray.exceptions import AuthenticationError

from fleet.errors import UsageError
from fleet.executors.ray.access import WAY_IN

ANSWER_S = 10.0
_ASK = "/ray.rpc.NodeInfoGcsService/GetClusterId"
"""What each client of a cluster asks first; it takes no argument."""


def check_token(address: str) -> None:
    """Raise UsageError where a cluster at host:port lets nobody in without another token.

    Where no token is found here though one is to be used, Ray says so itself: see `refused`.
    """
    with init_grpc_channel(address) as channel:
        answer = channel.unary_unary(_ASK).future(b"", timeout=ANSWER_S)
        is_refused = answer.code().name == "UNAUTHENTICATED"
    if is_refused:
        raise UsageError(f"The cluster at {address} wants a token, and not this one.", WAY_IN)


def refused(address: str, error: AuthenticationError) -> UsageError:
    """Return the error for a token that Ray itself finds missing or wrong."""
    reason = str(error).partition("\n")[0].partition(". ")[0].strip().rstrip(".")
    message = f"The cluster at {address} lets nobody in without its token: {reason}."
    return UsageError(message, WAY_IN)
