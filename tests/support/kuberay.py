"""What KubeRay takes: its RayCluster and RayJob as JSON Schemas, and the rules of its operator.

No package of PyPI, npm or Debian was found that carries KubeRay's own definitions, so these are written
by hand: fields from its API reference of 1.5, the oldest that the manifests are for; types, choices,
what is needed, and rules from its sources (`controllers/ray/utils/validation.go`) after 1.5. They are
no copy, and may be stricter. What is Kubernetes' own, pods above all, is checked by Kubernetes' own
schemas, strictly.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import jsonschema
from kubernetes_validate import latest_version
from kubernetes_validate.utils import schema_contents
from packaging.version import parse
from referencing import Registry, Resource

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "number"}
INT32: Schema = {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1}
TEXTS: Schema = {"type": "object", "additionalProperties": TEXT}
LONGEST_NAME = {"RayCluster": 53, "RayJob": 47}
"""Names of services and of clusters are made of them, which have 63 characters."""


def refusals(manifest: Mapping[str, Any]) -> list[str]:
    """Return why KubeRay would refuse a RayCluster or a RayJob; empty where it would not."""
    validator = _validator(manifest["kind"])
    found = [f"{each.json_path}: {each.message}" for each in validator.iter_errors(manifest)]
    return found or list(_broken_rules(manifest))


def _one_of(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)}


def _of_kubernetes(kind: str) -> Schema:
    return {"$ref": f"{_definitions()['$id']}#/$defs/io.k8s.{kind}"}


def _list(of: Schema) -> Schema:
    return {"type": "array", "items": of}


def _object(needed: str = "", **fields: Schema) -> Schema:
    return {
        "type": "object",
        "properties": fields,
        "required": needed.split(),
        "additionalProperties": False,
    }


@cache
def _definitions() -> Schema:
    version = latest_version()
    path = f"kubernetes-json-schema/v{version}-local-strict/_definitions.json"
    return dict(schema_contents(path, version))


def _group(needed: str, **fields: Schema) -> Schema:
    return _object(
        f"rayStartParams template {needed}",
        labels=TEXTS,
        rayStartParams=TEXTS,
        resources=TEXTS,
        template=_of_kubernetes("api.core.v1.PodTemplateSpec"),
        **fields,
    )


def _cluster_spec() -> Schema:
    core = "api.core.v1"
    autoscaler = _object(
        env=_list(_of_kubernetes(f"{core}.EnvVar")),
        envFrom=_list(_of_kubernetes(f"{core}.EnvFromSource")),
        idleTimeoutSeconds=INT32,
        image=TEXT,
        imagePullPolicy=_one_of("Always", "Never", "IfNotPresent"),
        resources=_of_kubernetes(f"{core}.ResourceRequirements"),
        securityContext=_of_kubernetes(f"{core}.SecurityContext"),
        upscalingMode=_one_of("Default", "Aggressive", "Conservative"),
        version=_one_of("v1", "v2"),
        volumeMounts=_list(_of_kubernetes(f"{core}.VolumeMount")),
    )
    credential = _object(value=TEXT, valueFrom=_of_kubernetes(f"{core}.EnvVarSource"))
    memory = _object(
        "redisAddress",
        externalStorageNamespace=TEXT,
        redisAddress=TEXT,
        redisPassword=credential,
        redisUsername=credential,
    )
    head = _group(
        "",
        enableIngress=FLAG,
        headService=_of_kubernetes(f"{core}.Service"),
        serviceType=TEXT,
    )
    workers = _group(
        "groupName minReplicas maxReplicas",
        groupName=TEXT,
        idleTimeoutSeconds=INT32,
        maxReplicas=INT32,
        minReplicas=INT32,
        numOfHosts=INT32,
        replicas=INT32,
        scaleStrategy=_object(workersToDelete=_list(TEXT)),
        suspend=FLAG,
    )
    return _object(
        "headGroupSpec",
        authOptions=_object(mode=_one_of("disabled", "token")),
        autoscalerOptions=autoscaler,
        enableInTreeAutoscaling=FLAG,
        gcsFaultToleranceOptions=memory,
        headGroupSpec=head,
        headServiceAnnotations=TEXTS,
        managedBy=_one_of("ray.io/kuberay-operator", "kueue.x-k8s.io/multikueue"),
        rayVersion=TEXT,
        suspend=FLAG,
        upgradeStrategy=_object(type=_one_of("Recreate", "None")),
        workerGroupSpecs=_list(workers),
    )


def _job_spec() -> Schema:
    return _object(
        activeDeadlineSeconds=INT32,
        backoffLimit=INT32,
        clusterSelector=TEXTS,
        entrypoint=TEXT,
        entrypointNumCpus=NUMBER,
        entrypointNumGpus=NUMBER,
        entrypointResources=TEXT,
        jobId=TEXT,
        metadata=TEXTS,
        rayClusterSpec=_cluster_spec(),
        runtimeEnvYAML=TEXT,
        shutdownAfterJobFinishes=FLAG,
        submissionMode=_one_of("K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"),
        submitterConfig=_object(backoffLimit=INT32),
        submitterPodTemplate=_of_kubernetes("api.core.v1.PodTemplateSpec"),
        suspend=FLAG,
        ttlSecondsAfterFinished=INT32,
    )


@cache
def _validator(kind: str) -> jsonschema.Draft202012Validator:
    spec = {"RayCluster": _cluster_spec, "RayJob": _job_spec}[kind]()
    schema = _object(
        "apiVersion kind metadata spec",
        apiVersion=_one_of("ray.io/v1"),
        kind=_one_of(kind),
        metadata=_of_kubernetes("apimachinery.pkg.apis.meta.v1.ObjectMeta"),
        spec=spec,
    )
    registry: Registry[Any] = Resource.from_contents(_definitions()) @ Registry()
    return jsonschema.Draft202012Validator(schema, registry=registry)


def _broken_rules(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield which of the operator's rules are broken by a manifest that its schema takes."""
    kind, metadata, spec = manifest["kind"], manifest["metadata"], manifest["spec"]
    name = metadata["name"]
    if len(name) > LONGEST_NAME[kind]:
        yield f"the name {name} has more than {LONGEST_NAME[kind]} characters"
    is_label = name.isascii() and name.replace("-", "").isalnum() and name == name.lower()
    if not (is_label and name[0].isalpha() and name[-1] != "-"):
        yield f"the name {name} is no label of DNS"
    notes = metadata.get("annotations") or {}
    if kind == "RayJob":
        yield from _broken_by_job(spec)
        spec = spec.get("rayClusterSpec") or {}
    if spec:
        yield from _broken_by_groups(spec)
        yield from _broken_by_head(spec, notes)


def _broken_by_job(spec: Mapping[str, Any]) -> Iterator[str]:
    selects = bool(spec.get("clusterSelector"))
    again = spec.get("backoffLimit", 0)
    mode = spec.get("submissionMode")
    if spec.get("suspend") and (selects or not spec.get("shutdownAfterJobFinishes")):
        yield "a job that is suspended has a cluster that goes with it"
    if spec.get("ttlSecondsAfterFinished", 0) < 0 or again < 0:
        yield "seconds and retries are not below 0"
    if spec.get("activeDeadlineSeconds", 1) <= 0:
        yield "a deadline is above 0"
    if not selects and "rayClusterSpec" not in spec:
        yield "a job has a cluster, or selects one"
    if again and (selects or mode == "InteractiveMode"):
        yield "retries need a cluster that is made for the job, and its command"
    if mode == "SidecarMode" and (selects or spec.keys() & {"submitterPodTemplate", "submitterConfig"}):  # fmt: skip
        yield "beside the head there is no pod that submits, and no selected cluster"
    submitter = (spec.get("submitterPodTemplate") or {}).get("spec", {})
    # The pod of a Job of Kubernetes.
    if submitter.get("restartPolicy", "Never") not in {"Never", "OnFailure"}:
        yield "a pod that submits is not restarted for ever"


def _broken_by_groups(spec: Mapping[str, Any]) -> Iterator[str]:
    groups = [("head", spec["headGroupSpec"])]
    groups += [(each["groupName"], each) for each in spec.get("workerGroupSpecs") or ()]
    scales = spec.get("enableInTreeAutoscaling", False)
    version = (spec.get("autoscalerOptions") or {}).get("version", "v2")
    for name, group in groups:
        pod = group["template"].get("spec") or {}
        if not pod.get("containers"):
            yield f"{name} has no container"
        started = group["rayStartParams"]
        if group.get("resources") and started.keys() & {"num-cpus", "num-gpus", "memory", "resources"}:  # fmt: skip
            yield f"{name} has resources in two places"
        if "labels" in started:
            yield f"{name} has labels among the parameters of ray start"
        if not 0 <= group.get("minReplicas", 0) <= group.get("maxReplicas", 0):
            yield f"{name} has fewer replicas at most than at least"
        if scales and version == "v2" and pod.get("restartPolicy", "Never") != "Never":
            yield f"pods of {name} come back by themselves, and v2 of the autoscaler makes new ones"
        if group.get("suspend"):
            yield f"{name} is suspended, which only the operator does"


def _broken_by_head(spec: Mapping[str, Any], notes: Mapping[str, str]) -> Iterator[str]:
    containers = spec["headGroupSpec"]["template"]["spec"].get("containers")
    variables = {each["name"] for each in containers[0].get("env") or ()} if containers else set()
    started = spec["headGroupSpec"]["rayStartParams"]
    scaler = spec.get("autoscalerOptions") or {}
    memory = spec.get("gcsFaultToleranceOptions")
    if scaler.get("idleTimeoutSeconds", 0) < 0:
        yield "an idle time is not below 0"
    if "version" in scaler and "RAY_enable_autoscaler_v2" in variables:
        yield "the autoscaler's version is said twice"
    if "RAY_enable_autoscaler_v2" in variables and not spec.get("enableInTreeAutoscaling"):
        yield "a version of an autoscaler, and none"
    if memory is None and "RAY_REDIS_ADDRESS" in variables:
        yield "the address of a Redis is among gcsFaultToleranceOptions"
    told = {"REDIS_PASSWORD", "RAY_REDIS_ADDRESS"} & variables or {
        "redis-password"
    } & started.keys()
    noted = {"ray.io/ft-enabled", "ray.io/external-storage-namespace"} & notes.keys()
    if memory is not None and (told or noted):
        yield "a Redis is told of in two places"
    if "REDIS_USERNAME" in variables or "redis-username" in started:
        yield "the user of a Redis is among gcsFaultToleranceOptions"
    version = spec.get("rayVersion")
    if (spec.get("authOptions") or {}).get("mode") == "token" and (
        not version or parse(version) < parse("2.52")
    ):
        yield "tokens need rayVersion, 2.52 or later"
