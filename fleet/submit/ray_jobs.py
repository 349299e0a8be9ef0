"""Jobs on a cluster through Ray Jobs: submit, follow, stop, list."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import packaging.version
import requests
from ray.exceptions import AuthenticationError
from ray.job_submission import JobDetails, JobSubmissionClient

from fleet.errors import JobFailedError, UsageError
from fleet.executors.ray.listed import Listed
from fleet.executors.ray.token import refused
from fleet.guide import CLUSTER
from fleet.submit.submission import ClusterSeen, Parcel, Submission

OLDEST_RAY = "2.60"
"""The oldest version that Fleet is tested with; the job runs on the cluster's own Ray."""
CONNECT_S, ANSWER_S = 10, 300
SILENCE_S = 90.0
"""A log that is silent for so long is requested again, as the connection may be dead."""
LOST_S = 60.0
"""A cluster that does not answer is asked again for so long, before following ends."""
STOP_S = 60
"""A job that is asked to stop has so long to end by itself; then Ray kills it."""
START_S = 60.0
"""A cluster that has just begun takes no jobs at first; it is asked again for so long."""
_PREFERRED = "RAY_API_SERVER_ADDRESS"
_UNKNOWN, _NO_AGENT = "status code 404", "No available agent"
DRIVER = "driver"
"""The resource of nodes that are there for drivers, which a lost head does not take along."""
_DRIVER_SHARE = 0.001
"""What a driver takes of it: it says where, and limits nothing."""
# Ray's own client raises RuntimeError for every answer but success.
_NO_RESPONSE = (aiohttp.ClientError, requests.RequestException, TimeoutError, ConnectionError)

Write = Callable[[str], None]


class _Client(JobSubmissionClient):
    """Ray's client with timeouts, and with the version of the cluster's Ray."""

    def _do_request(self, method: str, endpoint: str, **more: Any) -> requests.Response:
        timeout = (CONNECT_S, ANSWER_S)
        return super()._do_request(method, endpoint, timeout=timeout, **more)

    def nodes(self) -> requests.Response:
        """Return the answer of the cluster to who its nodes are."""
        answer = self._do_request("GET", "/nodes?view=summary")
        answer.raise_for_status()
        return answer

    @property
    def ray_version(self) -> str:
        """The version of Ray on the cluster."""
        return str(self._server_ray_version)


class Jobs:
    """The jobs of a cluster; `address` is that of its dashboard, see fleet.submit.reachability.

    Raises UsageError where there is no such cluster, it requires a token, or its Ray is too old.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        logging.getLogger("ray").setLevel(logging.ERROR)
        for name in ("dashboard.modules.dashboard_sdk", "dashboard.modules.job.sdk"):
            logging.getLogger(f"ray.{name}").setLevel(logging.ERROR)
        with _address_counts():
            self._client = _connect(self.address)

    def submit(self, parcel: Parcel, *, beside_head: bool = True) -> str:
        """Send a job and start it; return its id.

        Its driver runs on the head's node, or, with `beside_head` false, on one for drivers.
        """
        environment = {
            **parcel.environment,
            # SIGINT works as Ctrl-C does; Ray's own 3 s are too short for a put into a slow store.
            "RAY_JOB_STOP_SIGNAL": "SIGINT",
            "RAY_JOB_STOP_WAIT_TIME_S": str(STOP_S),
        }
        runtime_env: dict[str, Any] = {"working_dir": str(parcel.folder), "env_vars": environment}
        if parcel.fleet is not None:
            runtime_env["py_modules"] = [str(parcel.fleet)]
        listed = Listed(parcel.job, parcel.output, parcel.who, parcel.labels)
        until_s = time.monotonic() + START_S
        while True:
            with self._translating():
                try:
                    return self._client.submit_job(
                        entrypoint=parcel.command,
                        runtime_env=runtime_env,
                        metadata=listed.to_metadata(),
                        entrypoint_resources=None if beside_head else {DRIVER: _DRIVER_SHARE},
                    )
                except RuntimeError as error:
                    if _NO_AGENT not in str(error) or time.monotonic() > until_s:
                        raise
            time.sleep(1.0)

    def cluster_with_npus(self) -> ClusterSeen:
        """Return what the cluster is, once it has an NPU, or after a while without any."""
        until_s = time.monotonic() + CONNECT_S
        # A node is listed before it has told what it has.
        while not (seen := self.cluster()).npus and time.monotonic() < until_s:
            time.sleep(0.5)
        return seen

    def cluster(self) -> ClusterSeen:
        """Return what the cluster is now; one that has just begun lists no node for a while."""
        until_s = time.monotonic() + CONNECT_S
        while not (seen := self._cluster()).hosts and time.monotonic() < until_s:
            time.sleep(0.5)
        return seen

    def _cluster(self) -> ClusterSeen:
        with self._translating():
            answer = self._client.nodes()
            now_unix_s = time.time()
            listed = [node["raylet"] for node in answer.json()["data"]["summary"]]
        date = answer.headers.get("Date")
        # What the head knows of a node is there before the first report of the node itself.
        nodes = [node for node in listed if node.get("nodeManagerHostname")]
        nodes = [node for node in nodes if node.get("state", "ALIVE") == "ALIVE"]
        return ClusterSeen(
            ray_version=self._client.ray_version,
            hosts=tuple(str(node["nodeManagerHostname"]) for node in nodes),
            npus=int(sum(node.get("resourcesTotal", {}).get("NPU", 0) for node in nodes)),
            has_driver_nodes=any(node.get("resourcesTotal", {}).get(DRIVER) for node in nodes),
            clock_offset_s=parsedate_to_datetime(date).timestamp() - now_unix_s if date else None,
        )

    def look(self, submission: str) -> Submission:
        """Return the state of a job; raises UsageError where the cluster knows no such job."""
        with self._translating():
            try:
                return _submission(self._client.get_job_info(submission))
            except RuntimeError as error:
                if _UNKNOWN not in str(error):
                    raise
        if found := [job for job in self.all() if job.id == submission]:
            return found[0]
        message = f"The cluster at {self.address} knows no submission {submission}."
        raise UsageError(message, f"See what runs and ran: fleet jobs --address {self.address}")

    def all(self) -> list[Submission]:
        """Return the jobs of Fleet that the cluster remembers, the oldest first.

        They are those that were submitted, and runs that joined the cluster by themselves.
        """
        with self._translating():
            jobs = self._client.list_jobs()
        ours = [_submission(job) for job in jobs if Listed.of(job.metadata or {})]
        return sorted(ours, key=lambda job: job.since_unix_s)

    def log(self, submission: str) -> str:
        """Return what a job has printed so far; empty where that is not available."""
        # A job that has not started has no log, and the cluster may not answer now.
        with suppress(RuntimeError, *_NO_RESPONSE):
            return self._client.get_job_logs(submission)
        return ""

    def stop(self, submission: str) -> Submission:
        """Ask a job to stop, and wait until it has; raises JobFailedError where it does not."""
        with self._translating():
            self._client.stop_job(submission)
        until_s = time.monotonic() + STOP_S + CONNECT_S
        while time.monotonic() < until_s:
            found = self.look(submission)
            if found.over:
                return found
            time.sleep(0.5)
        message = f"{submission} has not ended within {STOP_S + CONNECT_S} s."
        raise JobFailedError(message, "Ask again to stop it.")

    def follow(self, submission: str, write: Write) -> Submission:
        """Write what a job prints, from its beginning, until it has ended; return its last state.

        Raises JobFailedError where the cluster no longer answers; the job may go on.
        """
        written, answered_s = 0, time.monotonic()
        while True:
            before = written
            written = asyncio.run(self._tail(submission, written, write))
            try:
                found = self.look(submission)
                if found.over:
                    write(self.log(submission)[written:])
                    return found
                answered_s = time.monotonic()
            except JobFailedError as error:
                answered_s = time.monotonic() if written > before else answered_s
                if time.monotonic() - answered_s > LOST_S:
                    way_out = f"{submission} may go on without being followed."
                    raise JobFailedError(error.message, way_out) from error
            time.sleep(1.0)

    @contextmanager
    def _translating(self) -> Iterator[None]:
        """Raise JobFailedError for everything that keeps the cluster from answering."""
        try:
            yield
        except AuthenticationError as error:
            raise refused(self.address, error) from None
        except (*_NO_RESPONSE, RuntimeError) as error:
            message = f"The cluster at {self.address} does not answer as it should: {error}"
            raise JobFailedError(message) from error

    async def _tail(self, submission: str, written: int, write: Write) -> int:
        """Write a log after the first `written` characters; return how many are written by now."""
        seen = 0
        lines = self._client.tail_job_logs(submission)
        # A connection that breaks has delivered what came before; the caller asks for the state.
        with suppress(RuntimeError, *_NO_RESPONSE):
            while True:
                try:
                    text = await asyncio.wait_for(anext(lines), SILENCE_S)
                except StopAsyncIteration:
                    break
                seen += len(text)
                if seen > written:
                    write(text[-(seen - written) :])
                    written = seen
        return written


@contextmanager
def _address_counts() -> Iterator[None]:
    """Take away the variable that Ray prefers to the address it is given; put it back at the end.

    What runs later in this process, or is started by it, is not to meet our cluster by it.
    """
    set_before = os.environ.pop(_PREFERRED, None)
    try:
        yield
    finally:
        if set_before is not None:
            os.environ[_PREFERRED] = set_before


def _connect(address: str) -> _Client:
    try:
        client = _Client(address)
    except AuthenticationError as error:
        raise refused(address, error) from None
    except (requests.Timeout, ConnectionError) as error:
        raise UsageError(
            f"No Ray dashboard answers at {address}.",
            "Check host and port (8265 unless it was set; 6379 is not the dashboard's). The head "
            "listens on its own loopback only, unless it was started with --dashboard-host=0.0.0.0 "
            "(and with ray[default] installed).",
        ).about(CLUSTER) from error
    except (requests.RequestException, RuntimeError, KeyError, ValueError) as error:
        message = f"What answers at {address} is no Ray dashboard: {error}"
        raise UsageError(message, "Check host and port.") from error
    if packaging.version.parse(client.ray_version) < packaging.version.parse(OLDEST_RAY):
        message = f"The cluster at {address} runs Ray {client.ray_version}."
        raise UsageError(message, f"Fleet needs Ray {OLDEST_RAY} or later there.")
    return client


def _submission(job: JobDetails) -> Submission:
    listed = Listed.of(job.metadata or {}) or Listed("", "", "")
    joined = None
    if not job.submission_id:
        joined = int(job.driver_info.pid) if job.driver_info else 0
    return Submission(
        id=job.submission_id or job.job_id or "",
        state=job.status.value,
        job=listed.job,
        output=listed.output,
        who=listed.who,
        since_unix_s=(job.start_time or 0) / 1000,
        ended_unix_s=job.end_time / 1000 if job.end_time else None,
        exit_code=job.driver_exit_code,
        message=job.message or "",
        labels=listed.labels,
        joined_pid=joined,
    )
