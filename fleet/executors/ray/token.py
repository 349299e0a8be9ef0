"""The token of a cluster, tried before Ray is asked, which tries for a while and names no token."""

from __future__ import annotations

from ray._private.grpc_utils import init_grpc_channel
from ray.exceptions import AuthenticationError

from fleet.errors import JobFailedError, UsageError
from fleet.executors.ray.access import WAY_IN
from fleet.executors.ray.whereabouts import NOT_A_CLUSTER, WAY_OUT
from fleet.guide import CLUSTER

ANSWER_S = 10.0
_ASK = "/ray.rpc.NodeInfoGcsService/GetClusterId"
"""What each client of a cluster asks first; it takes no argument."""


def check_token(address: str) -> None:
    """Raise UsageError where a cluster at host:port lets nobody in without another token.

    Raises JobFailedError where what answers there is a server of another kind. Where no token is
    found here though one is to be used, Ray says so itself: see `refused`.
    """
    with init_grpc_channel(address) as channel:
        answer = channel.unary_unary(_ASK).future(b"", timeout=ANSWER_S)
        code = answer.code().name
    if code == "UNIMPLEMENTED":
        raise JobFailedError(NOT_A_CLUSTER.format(address=address), WAY_OUT).about(CLUSTER)
    if code == "UNAUTHENTICATED":
        raise UsageError(
            f"The cluster at {address} wants a token, and not this one.", WAY_IN
        ).about(CLUSTER)


def refused(address: str, error: AuthenticationError) -> UsageError:
    """Return the error for a token that Ray itself finds missing or wrong."""
    reason = str(error).partition("\n")[0].partition(". ")[0].strip().rstrip(".")
    message = f"The cluster at {address} lets nobody in without its token: {reason}."
    return UsageError(message, WAY_IN).about(CLUSTER)
