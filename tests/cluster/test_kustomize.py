"""The overlays of cluster/kubernetes, as kubectl puts them together, against what takes them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from kuberay import refusals
from lasting import waiting_s
from programs import find_program, needs
from ray_env import CLUSTER, ray_settings

from fleet.cli.lazy import load
from fleet.submit.ray_jobs import DRIVER

KUBERNETES = CLUSTER / "kubernetes"
OVERLAYS = ("simulated", "cards", "job")
# Custom kinds, which Kubernetes' own schemas do not know.
CUSTOM = {"RayCluster", "RayJob"}

needs_kubectl = needs("kubectl")


@cache
def built(folder: Path) -> list[dict[str, Any]]:
    """Return the objects of an overlay, made without a cluster."""
    kubectl = find_program("kubectl")
    assert kubectl
    command = [kubectl, "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def of_kind(objects: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """Return the only object of a kind."""
    (found,) = [each for each in objects if each["kind"] == kind]
    return found


@pytest.fixture
def surviving(tmp_path: Path) -> list[dict[str, Any]]:
    """The simulated cluster whose head survives: the component, as the overlay's comment says."""
    overlay = KUBERNETES / "simulated" / "kustomization.yaml"
    text = overlay.read_text("utf-8")
    assert "# components:\n#   - ../head-survives\n" in text
    for name in ("shared", "cluster", "head-survives"):
        (tmp_path / name).symlink_to(KUBERNETES / name)
    (tmp_path / "mine").mkdir()
    opened = text.replace("# components:\n#   - ", "components:\n  - ")
    (tmp_path / "mine" / "kustomization.yaml").write_text(opened)
    return built(tmp_path / "mine")


@needs_kubectl
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_is_what_kubernetes_takes(overlay: str) -> None:
    """By its own schemas, strictly; and all lie in one namespace."""
    objects = built(KUBERNETES / overlay)
    for each in objects:
        if each["kind"] not in CUSTOM:
            kubernetes_validate.validate(each, kubernetes_validate.latest_version(), strict=True)
        if each["kind"] not in {"Namespace", "PriorityClass"}:
            assert each["metadata"]["namespace"] == "fleet"


@needs_kubectl
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_is_named_is_there(overlay: str) -> None:
    """Accounts, priorities and the config map that pods name; Secrets may be missing."""
    objects = built(KUBERNETES / overlay)
    there = {(each["kind"], each["metadata"]["name"]) for each in objects}
    for pod in pods_in(objects):
        assert ("ServiceAccount", pod["serviceAccountName"]) in there
        if name := pod.get("priorityClassName"):
            assert ("PriorityClass", name) in there
        for container in pod["containers"]:
            for source in container.get("envFrom", ()):
                if named := source.get("configMapRef"):
                    assert ("ConfigMap", named["name"]) in there
                else:
                    assert source["secretRef"]["optional"]


def pods_in(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every pod that some objects describe."""
    if isinstance(value, dict):
        if "containers" in value:
            yield value
        for each in value.values():
            yield from pods_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from pods_in(each)


@needs_kubectl
def test_cards_are_taken_by_their_overlay_alone() -> None:
    """One a worker, in requests and limits alike, on nodes that have them."""

    def workers(overlay: str) -> dict[str, Any]:
        spec = of_kind(built(KUBERNETES / overlay), "RayCluster")["spec"]
        (group,) = spec["workerGroupSpecs"]
        return dict(group["template"]["spec"])

    plain, cards = workers("simulated"), workers("cards")
    resources = cards["containers"][0]["resources"]
    for kind in ("requests", "limits"):
        assert resources[kind].pop("huawei.com/Ascend310") == "1"
    assert cards.pop("nodeSelector") == {"accelerator": "huawei-Ascend310"}
    assert cards == plain


@needs_kubectl
def test_a_job_is_not_failed_by_what_it_has_recorded() -> None:
    """Its command parses, accepts rows in errors/, and its cluster has its own commands as well."""
    job = of_kind(built(KUBERNETES / "job"), "RayJob")
    words = job["spec"]["entrypoint"].split()
    assert words[:2] == ["fleet", "run"]
    with load("run").make_context("run", words[2:]) as context:
        assert context.params["accept_errors"]
    assert job["metadata"]["annotations"]["ray.io/overwrite-container-cmd"] == "true"


@needs_kubectl
def test_a_head_that_survives_is_waited_for(surviving: list[dict[str, Any]]) -> None:
    """Its memory is in a Redis, which nodes alone reach; nodes wait for it as the proof has them."""
    for each in surviving:
        if each["kind"] not in CUSTOM:
            kubernetes_validate.validate(each, kubernetes_validate.latest_version(), strict=True)
    cluster = of_kind(surviving, "RayCluster")["spec"]
    service = of_kind(surviving, "Service")
    host, _, port = cluster["gcsFaultToleranceOptions"]["redisAddress"].partition(":")
    assert service["metadata"]["name"] == host
    assert [str(each["port"]) for each in service["spec"]["ports"]] == [port]
    changed = {**ray_settings(), "RAY_gcs_rpc_server_reconnect_timeout_s": waiting_s()}
    for pod in pods_in(cluster):
        settings = {item["name"]: item["value"] for item in pod["containers"][0]["env"]}
        assert changed.items() <= settings.items()
    policies = {
        each["metadata"]["name"]: each["spec"]
        for each in surviving
        if each["kind"] == "NetworkPolicy"
    }
    assert policies["fleet"]["egress"][-1]["ports"] == [{"protocol": "TCP", "port": int(port)}]
    assert policies["fleet-redis"]["podSelector"] == {"matchLabels": service["spec"]["selector"]}


@needs_kubectl
def test_drivers_of_a_head_that_survives_have_a_node_apart(
    surviving: list[dict[str, Any]],
) -> None:
    """Of the resource by which it is found; a pod like any other, but on no machine that may go."""
    spec = of_kind(surviving, "RayCluster")["spec"]
    devices, drivers = spec["workerGroupSpecs"]
    assert drivers["minReplicas"] == drivers["replicas"] == 1
    assert set(drivers["resources"]) == {"CPU", DRIVER}
    assert "NPU" not in drivers["resources"]
    pod, device = (group["template"]["spec"] for group in (drivers, devices))
    assert (
        pod["priorityClassName"] == spec["headGroupSpec"]["template"]["spec"]["priorityClassName"]
    )
    assert "tolerations" not in pod
    placed = {"priorityClassName", "tolerations", "topologySpreadConstraints", "containers"}
    assert {k: v for k, v in pod.items() if k not in placed} == {
        k: v for k, v in device.items() if k not in placed
    }
    (own,), (others,) = pod["containers"], device["containers"]
    sized = {"resources", "livenessProbe", "readinessProbe"}
    assert {k: v for k, v in own.items() if k not in sized} == {
        k: v for k, v in others.items() if k not in sized
    }
    checked = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "drivers"}, "spec": pod}
    kubernetes_validate.validate(checked, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_budget_guards_the_head_alone(overlay: str) -> None:
    """By a number: Kubernetes cannot tell the size of a RayCluster, and refuses shares of it."""
    objects = built(KUBERNETES / overlay)
    budget = of_kind(objects, "PodDisruptionBudget")["spec"]
    assert budget["minAvailable"] == 1
    found = [each for each in objects if each["kind"] in CUSTOM]
    spec, name = found[0]["spec"], found[0]["metadata"]["name"]
    cluster = spec.get("rayClusterSpec", spec)
    # The labels that KubeRay gives to pods; a job's cluster has a name that nobody knows before.
    given = {} if "rayClusterSpec" in spec else {"ray.io/cluster": name}
    wanted = budget["selector"]["matchLabels"]
    guarded = [pod for pod, has in pods_of_ray(cluster, given) if wanted.items() <= has.items()]
    assert guarded == ["head"]


def pods_of_ray(
    cluster: dict[str, Any], given: dict[str, str]
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the head and each group of workers with the labels that KubeRay gives to their pods."""
    head = {"ray.io/node-type": "head", "ray.io/group": "headgroup"}
    yield "head", {**given, **head, **labels(cluster["headGroupSpec"])}
    for group in cluster["workerGroupSpecs"]:
        name = group["groupName"]
        worker = {"ray.io/node-type": "worker", "ray.io/group": name}
        yield name, {**given, **worker, **labels(group)}


@needs_kubectl
def test_budgets_guard_what_a_head_survives_by(surviving: list[dict[str, Any]]) -> None:
    """One each for the head, the pod for drivers and the Redis; none for devices."""
    redis = of_kind(surviving, "Deployment")["spec"]
    assert redis["replicas"] == 1
    cluster = of_kind(surviving, "RayCluster")
    given = {"ray.io/cluster": cluster["metadata"]["name"]}
    pods = dict(pods_of_ray(cluster["spec"], given)) | {"redis": labels(redis)}
    budgets = [each["spec"] for each in surviving if each["kind"] == "PodDisruptionBudget"]
    assert [budget["minAvailable"] for budget in budgets] == [1, 1, 1]
    guarded = []
    for budget in budgets:
        wanted = budget["selector"]["matchLabels"]
        guarded += [pod for pod, has in pods.items() if wanted.items() <= has.items()]
    assert sorted(guarded) == ["drivers", "head", "redis"]


def labels(group: dict[str, Any]) -> dict[str, str]:
    """Return the labels that a group's pods have of its template."""
    found: dict[str, str] = group["template"].get("metadata", {}).get("labels", {})
    return found


@needs_kubectl
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_is_put_together_is_what_kuberay_takes(overlay: str) -> None:
    """As its schemas and its operator's rules have it."""
    clusters = [each for each in built(KUBERNETES / overlay) if each["kind"] in CUSTOM]
    assert clusters
    assert [refusals(each) for each in clusters] == [[]] * len(clusters)


@needs_kubectl
def test_a_head_that_survives_is_what_kuberay_takes(surviving: list[dict[str, Any]]) -> None:
    """What the component adds among it."""
    assert refusals(of_kind(surviving, "RayCluster")) == []
