"""What pods of the manifests may do, and whom they reach: no more than they need."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import kubernetes_validate
import pytest
from manifests import CLUSTER_FILE, every_pod, kuberay_clusters, manifest, pods

LOCKED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


@pytest.mark.parametrize("template", every_pod())
def test_a_pod_cannot_come_to_more_rights(template: dict[str, Any]) -> None:
    """No escalation, no capability, nothing written beside what goes with the pod, nobody special."""
    spec = template["spec"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC"}
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    for container in spec["containers"]:
        assert container["securityContext"] == LOCKED
        mounted = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        # Ray's sessions lie below /tmp/ray.
        assert set(mounted) == {"/tmp", "/home/ray", "/var/run/fleet/store"}  # noqa: S108 - in a pod
        assert set(mounted.values()) == set(volumes)
    assert all(volumes[name]["emptyDir"]["sizeLimit"] for name in ("tmp", "home"))
    # Where nodes have a role, there is no such Secret.
    assert volumes["store"]["secret"]["optional"]


@pytest.mark.parametrize("cluster", kuberay_clusters())
def test_the_autoscaler_beside_the_head_is_locked_as_well(cluster: dict[str, Any]) -> None:
    """The operator adds its container; it mounts what the head's pod has."""
    options = cluster["spec"]["autoscalerOptions"]
    assert options["securityContext"] == LOCKED
    (head,) = pods(cluster)["head"]["spec"]["containers"]
    # It asks Kubernetes alone, and needs no keys of the store.
    assert options["volumeMounts"] == head["volumeMounts"][:2]


@pytest.mark.parametrize("template", every_pod())
def test_only_the_head_has_a_token_for_kubernetes(
    template: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    """Its autoscaler starts pods; elsewhere job code runs, which has no use for one."""
    is_head = request.node.callspec.id.endswith("-head")
    assert template["spec"]["automountServiceAccountToken"] is is_head


def test_the_network_policy_lets_in_and_out_what_is_needed() -> None:
    """Nodes among themselves, the dashboard for who submits, names, and TLS; no metadata."""
    policy = manifest("kubernetes/shared/networkpolicy.yaml")
    kubernetes_validate.validate(policy, kubernetes_validate.latest_version(), strict=True)
    spec, nodes = policy["spec"], {"ray.io/is-ray-node": "yes"}
    assert policy["metadata"]["namespace"] == manifest(CLUSTER_FILE)["metadata"]["namespace"]
    assert spec["podSelector"] == {"matchLabels": nodes}
    assert set(spec["policyTypes"]) == {"Ingress", "Egress"}
    for rule in (*spec["ingress"], *spec["egress"]):
        peers = rule.get("from") or rule.get("to")
        assert peers, "a rule without peers lets everybody through"
        is_among_nodes = peers == [{"podSelector": {"matchLabels": nodes}}]
        assert is_among_nodes or rule["ports"], "who is no node comes to some ports alone"
    outside = [
        peer["ipBlock"] for rule in spec["egress"] for peer in rule["to"] if "ipBlock" in peer
    ]
    metadata = ip_address("169.254.169.254")
    for block in outside:
        if ip_network(block["cidr"]).version == 4:
            assert any(metadata in ip_network(excluded) for excluded in block["except"])
    ingress = {port["port"] for rule in spec["ingress"] for port in rule.get("ports", ())}
    assert ingress == {8265, 8080}
