"""The manifests for KubeRay: the clusters that they describe, and the pods of these."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import Any

import pytest
import yaml
from ray_env import CLUSTER


def manifest(name: str) -> dict[str, Any]:
    """Read a manifest; what is returned may be changed."""
    return deepcopy(_read(name))


@cache
def _read(name: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((CLUSTER / name).read_text("utf-8"))
    return read


CLUSTER_FILE = "kubernetes/cluster/raycluster.yaml"


JOB_FILE = "kubernetes/job/rayjob.yaml"


def kuberay_clusters() -> list[Any]:
    """Every description of a Ray cluster for KubeRay, as a RayCluster."""
    job = manifest(JOB_FILE)
    of_job = {"metadata": job["metadata"], "spec": job["spec"]["rayClusterSpec"]}
    return [
        pytest.param(manifest(CLUSTER_FILE), id="raycluster"),
        pytest.param(of_job, id="rayjob"),
    ]


def pods(cluster: dict[str, Any]) -> dict[str, Any]:
    """The pod templates of a cluster, by group."""
    spec = cluster["spec"]
    workers = {group["groupName"]: group["template"] for group in spec["workerGroupSpecs"]}
    return {"head": spec["headGroupSpec"]["template"], **workers}


def every_pod() -> list[Any]:
    """Every pod that a manifest describes, the one that submits a job among them."""
    submitter = manifest(JOB_FILE)["spec"]["submitterPodTemplate"]
    found = [pytest.param(submitter, id="submitter")]
    for cluster in kuberay_clusters():
        for name, template in pods(cluster.values[0]).items():
            found.append(pytest.param(template, id=f"{cluster.id}-{name}"))
    return found
