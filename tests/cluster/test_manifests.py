"""The manifests of cluster/, as far as they can be checked without a cluster."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from manifests import CLUSTER_FILE, JOB_FILE, every_pod, kuberay_clusters, manifest, pods
from ray_env import CLUSTER, locked, ray_settings

ROOT = CLUSTER.parent


GRACE = "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"


def fleet_version() -> str:
    """The version of Fleet."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"])


@pytest.mark.parametrize("cluster", kuberay_clusters())
def test_the_autoscaler_believes_that_a_worker_has_an_npu(cluster: dict[str, Any]) -> None:
    """Ray's reader of RayClusters finds one NPU a worker, none on the head, and scales from zero."""
    from ray.autoscaler._private.kuberay.autoscaling_config import (
        _derive_autoscaling_config_from_ray_cr,
    )

    types = _derive_autoscaling_config_from_ray_cr(cluster)["available_node_types"]
    workers = {name: kind for name, kind in types.items() if name != "headgroup"}
    assert [kind["resources"]["NPU"] for kind in workers.values()] == [1]
    assert types["headgroup"]["resources"]["CPU"] == 0
    assert "NPU" not in types["headgroup"]["resources"]
    assert all(kind["min_workers"] == 0 < kind["max_workers"] for kind in workers.values())


@pytest.mark.parametrize("template", every_pod())
def test_no_pod_reserves_a_card_that_would_idle(template: dict[str, Any]) -> None:
    """Devices are simulated: a pod asks for cores and memory, of any node."""
    assert "nodeSelector" not in template["spec"]
    for container in template["spec"]["containers"]:
        for kind in ("requests", "limits"):
            assert set(container["resources"][kind]) == {"cpu", "memory"}


@pytest.mark.parametrize("name", [CLUSTER_FILE, JOB_FILE, "README.md"])
def test_the_words_for_who_has_a_card_are_there(name: str) -> None:
    """Which lines to change, and that devices are simulated."""
    text = (CLUSTER / name).read_text("utf-8")
    for words in ("huawei.com/Ascend310: 1", "accelerator: huawei-Ascend310", "simulated"):
        assert words in text


@pytest.mark.parametrize("cluster", kuberay_clusters())
def test_pods_are_what_kubernetes_takes(cluster: dict[str, Any]) -> None:
    """Each template, as a Pod, against the schemas of Kubernetes; no volume outlives the pod."""
    for name, template in pods(cluster).items():
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, **template}
        kubernetes_validate.validate(pod, kubernetes_validate.latest_version(), strict=True)
        kinds = [set(volume) - {"name"} for volume in template["spec"]["volumes"]]
        assert kinds == [{"emptyDir"}, {"emptyDir"}, {"secret"}]


@pytest.mark.parametrize("cluster", kuberay_clusters())
def test_pods_have_the_settings_of_every_cluster(cluster: dict[str, Any]) -> None:
    """Those of ray.env, and this Ray and this Fleet, run by nobody special."""
    assert cluster["spec"]["rayVersion"] == locked("ray")
    assert cluster["spec"]["authOptions"] == {"mode": "token"}
    for template in pods(cluster).values():
        spec, container = template["spec"], template["spec"]["containers"][0]
        settings = {item["name"]: item["value"] for item in container["env"]}
        keys = settings.pop("AWS_SHARED_CREDENTIALS_FILE")
        assert settings == ray_settings()
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert keys == f"{mounts['store']}/credentials"
        assert container["image"] == f"fleet:{fleet_version()}"
        assert spec["securityContext"]["runAsNonRoot"]
        # v2 of the autoscaler knows a node by its pod: it must not come back as another node.
        assert spec["restartPolicy"] == "Never"


@pytest.mark.parametrize("cluster", kuberay_clusters())
def test_a_pod_that_goes_drains_before_it_is_killed(cluster: dict[str, Any]) -> None:
    """Ray takes the shell's place, so SIGTERM is for it; and there is time for the lease in hand."""
    for name, template in pods(cluster).items():
        (script,) = template["spec"]["containers"][0]["args"]
        assert started_by(script) == ["start", "--block", '--resources={"NPU":1}'], name
        if name != "head":
            grace_s = template["spec"]["terminationGracePeriodSeconds"]
            assert grace_s > int(ray_settings()[GRACE])


def started_by(script: str) -> list[str]:
    """Run a pod's script with a stand-in for `ray`, which must get the shell's own process."""
    stand_in = 'ray() { :; }; exec() { [ "$1" = ray ] && shift && printf "%s\\n" "$@" || command exec "$@"; }'
    # KubeRay's own start command, quoted as it does.
    generated = "ray start --block --resources='{\"NPU\":1}'"
    inner = script.partition("exec /bin/bash -c ")[2].strip('"')
    assert inner == "exec $KUBERAY_GEN_RAY_START_CMD"
    expanded = inner.replace("$KUBERAY_GEN_RAY_START_CMD", generated)
    command = ["bash", "-c", f"{stand_in}\n{expanded}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_a_job_has_the_same_cluster() -> None:
    """What rayjob.yaml says of the cluster is what raycluster.yaml says."""
    assert manifest(JOB_FILE)["spec"]["rayClusterSpec"] == manifest(CLUSTER_FILE)["spec"]


@pytest.mark.parametrize("cluster", kuberay_clusters())
def test_devices_may_be_put_out_and_are_spread(cluster: dict[str, Any]) -> None:
    """Version 2 of the autoscaler; low priority, spot nodes, zones and machines, and no must in it."""
    assert cluster["spec"]["autoscalerOptions"]["version"] == "v2"
    head, workers = pods(cluster)["head"]["spec"], pods(cluster)["devices"]["spec"]
    assert (head["priorityClassName"], workers["priorityClassName"]) == (
        "fleet-heads",
        "fleet-devices",
    )
    classes = {
        each["metadata"]["name"]: each
        for each in yaml.safe_load_all((CLUSTER / "kubernetes/shared/priority.yaml").read_text())
    }
    assert classes["fleet-devices"]["value"] < 0 < classes["fleet-heads"]["value"]
    assert classes["fleet-devices"]["preemptionPolicy"] == "Never"
    assert workers["tolerations"] == [
        {"key": "fleet", "operator": "Exists", "effect": "NoSchedule"}
    ]
    assert "tolerations" not in head, "a head on a spot node would be taken away with its jobs"
    spread = workers["topologySpreadConstraints"]
    assert {each["topologyKey"] for each in spread} == {
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    }
    for each in spread:
        assert each["whenUnsatisfiable"] == "ScheduleAnyway"
        # KubeRay's own label of a group's pods.
        assert each["labelSelector"] == {"matchLabels": {"ray.io/group": "devices"}}


@pytest.mark.parametrize("cluster", kuberay_clusters())
def test_probes_ask_what_ray_answers_by_programs_of_the_image(cluster: dict[str, Any]) -> None:
    """Paths of Ray's own; longer than an answer of a busy node takes; bash reads each."""
    import ray

    modules = Path(ray.__file__).parent / "dashboard" / "modules"
    served = "".join(path.read_text("utf-8") for path in (modules / "reporter").glob("*.py"))
    served += "".join(path.read_text("utf-8") for path in modules.rglob("healthz*.py"))
    for name, template in pods(cluster).items():
        (container,) = template["spec"]["containers"]
        for kind in ("livenessProbe", "readinessProbe"):
            shell, flag, script = container[kind]["exec"]["command"]
            assert (shell, flag) == ("bash", "-c")
            assert (
                subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
            )
            paths = re.findall(r"http://localhost:\d+(/\S+)", script)
            assert len(paths) == (2 if name == "head" else 1)
            assert all(path in served for path in paths), paths
            waits_s = sum(map(int, re.findall(r"-T (\d+)", script)))
            assert waits_s < container[kind]["timeoutSeconds"]
        assert container["livenessProbe"]["failureThreshold"] >= 10


def test_the_readme_explains_the_settings_as_they_are() -> None:
    """Each setting of ray.env has its row, with its value; no other one has."""
    readme = (CLUSTER / "README.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(RAY_\w+)` \| (\S+) \|", readme, re.MULTILINE))
    assert rows == ray_settings()


def test_manifests_name_no_registry() -> None:
    """Images by their official names, or built here."""
    images = re.findall(
        r"image: (\S+)", "".join(p.read_text("utf-8") for p in CLUSTER.rglob("*.yaml"))
    )
    assert set(images) == {f"fleet:{fleet_version()}", "redis:7-bookworm"}


def test_ray_knows_every_setting() -> None:
    """A misspelt setting would be passed over in silence: each is a word in Ray's own programs."""
    import ray

    core = Path(ray.__file__).parent
    words = (core / "core/src/ray/gcs/gcs_server").read_bytes()
    words += (core / "_private/ray_constants.py").read_bytes()
    words += (core / "_common/usage/usage_constants.py").read_bytes()
    for name in ray_settings():
        bare = name.removeprefix("RAY_")
        assert (bare if bare.islower() else name).encode() in words, name
