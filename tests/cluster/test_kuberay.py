"""The manifests, as KubeRay would take them; and that what it would not take is seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
from kuberay import refusals
from manifests import CLUSTER_FILE, JOB_FILE, manifest

Manifest = dict[str, Any]

FILES = (CLUSTER_FILE, JOB_FILE)
# Below these any name may stand.
FREE = {"annotations", "labels", "limits", "matchLabels", "rayStartParams", "requests", "resources"}


@pytest.mark.parametrize("name", FILES)
def test_a_manifest_is_what_kuberay_takes(name: str) -> None:
    """By schemas of its kinds, pods by Kubernetes' own, and the rules of the operator."""
    assert refusals(manifest(name)) == []


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of every field whose name is one that KubeRay or Kubernetes has to know."""
    if isinstance(value, dict):
        for name, each in value.items():
            if not (path and path[-1] in FREE):
                yield (*path, name)
            yield from places(each, (*path, name))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from places(each, (*path, number))


@pytest.mark.parametrize(("name", "least"), [(FILES[0], 150), (FILES[1], 25)])
def test_every_misspelt_field_is_seen(name: str, least: int) -> None:
    """Of each field of the manifest, wherever it stands; a job's cluster is that of the other file."""
    good = manifest(name)
    paths = [path for path in places(good["spec"]) if path[0] != "rayClusterSpec"]
    assert len(paths) >= least
    for path in paths:
        bad = deepcopy(good)
        owner: Any = bad["spec"]
        for step in path[:-1]:
            owner = owner[step]
        owner[f"{path[-1]}s"] = owner.pop(path[-1])
        assert refusals(bad), path


def cluster(change: Callable[[Manifest], object]) -> Manifest:
    """Return the cluster with its specification changed."""
    changed = manifest(FILES[0])
    change(changed["spec"])
    return changed


def job(**fields: object) -> Manifest:
    """Return the job with fields changed; None takes one away."""
    changed = manifest(FILES[1])
    changed["spec"] |= fields
    changed["spec"] = {name: each for name, each in changed["spec"].items() if each is not None}
    return changed


def named(name: str) -> Manifest:
    """Return the cluster by another name."""
    changed = manifest(FILES[0])
    changed["metadata"]["name"] = name
    return changed


def workers(**fields: object) -> Manifest:
    """Return the cluster with fields of its workers changed."""
    return cluster(lambda spec: spec["workerGroupSpecs"][0].update(fields))


def variable(name: str) -> Manifest:
    """Return the cluster with one more variable of its head."""
    added = {"name": name, "value": "1"}
    containers = ("headGroupSpec", "template", "spec", "containers")

    def add(spec: Manifest) -> None:
        (container,) = _at(spec, *containers)
        container["env"].append(added)

    return cluster(add)


def _at(value: Any, *path: str) -> Any:
    for step in path:
        value = value[step]
    return value


def _twice_in_redis(spec: Manifest) -> None:
    spec["gcsFaultToleranceOptions"] = {"redisAddress": "redis:6379"}
    spec["headGroupSpec"]["rayStartParams"]["redis-password"] = "x"


RESTARTED = {"spec": {"containers": [{"name": "submit"}], "restartPolicy": "Always"}}
REFUSED = [
    (workers(maxReplicas="32"), "'32' is not of type 'integer'"),
    (workers(maxReplicas=2**31), "maximum"),
    (workers(replicas=True), "is not of type 'integer'"),
    (workers(resources={"NPU": 1}), "1 is not of type 'string'"),
    (cluster(lambda spec: spec["autoscalerOptions"].update(version="v3")), "'v3' is not one of"),
    (cluster(lambda spec: spec["workerGroupSpecs"][0].pop("groupName")), "required property"),
    (cluster(lambda spec: spec.pop("headGroupSpec")), "required property"),
    (named("a" * 54), "more than 53 characters"),
    (named("Fleet"), "no label of DNS"),
    (named("1fleet"), "no label of DNS"),
    (workers(minReplicas=33), "fewer replicas at most"),
    (workers(rayStartParams={"num-cpus": "4"}), "resources in two places"),
    (workers(rayStartParams={"labels": "a=b"}), "labels among"),
    (workers(suspend=True), "suspended"),
    (
        cluster(lambda spec: _at(spec, "headGroupSpec", "template", "spec").update(containers=[])),
        "head has no container",
    ),
    (
        cluster(
            lambda spec: _at(spec, "headGroupSpec", "template", "spec").update(
                restartPolicy="Always"
            )
        ),
        "come back by themselves",
    ),
    (cluster(lambda spec: spec.pop("rayVersion")), "tokens need"),
    (cluster(lambda spec: spec.update(rayVersion="2.51.1")), "tokens need"),
    (
        cluster(lambda spec: spec["autoscalerOptions"].update(idleTimeoutSeconds=-1)),
        "an idle time",
    ),
    (variable("RAY_enable_autoscaler_v2"), "said twice"),
    (variable("RAY_REDIS_ADDRESS"), "the address of a Redis"),
    (variable("REDIS_USERNAME"), "the user of a Redis"),
    (cluster(_twice_in_redis), "in two places"),
    (job(rayClusterSpec=None), "a job has a cluster"),
    (job(suspend=True, shutdownAfterJobFinishes=False), "suspended"),
    (job(ttlSecondsAfterFinished=-1), "not below 0"),
    (job(activeDeadlineSeconds=0), "a deadline"),
    (job(submissionMode="InteractiveMode"), "retries need"),
    (job(submissionMode="SidecarMode"), "no pod that submits"),
    (job(submissionMode="SshMode"), "is not one of"),
    (job(submitterPodTemplate=RESTARTED), "for ever"),
]


@pytest.mark.parametrize(("bad", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_what_kuberay_refuses_is_seen(bad: Manifest, said: str) -> None:
    """Types, choices and needed fields by the schemas; the rest by the operator's rules."""
    found = refusals(bad)
    assert any(said in each for each in found), found
