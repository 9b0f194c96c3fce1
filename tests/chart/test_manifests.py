"""Manifests that a cluster takes, and that say what they should."""

import importlib.util
import json
from functools import cache

import kubernetes_validate
import pytest
import yaml
from kubernetes_validate import utils

from shared.devices import Lane
from tests.chart.conftest import FORMS
from tests.support.chart import EVERYTHING, environments, named, of_kind, pods, run_helm
from tests.support.models import ROOT

DEPLOY = ROOT / "deploy"
VERSIONS = ("1.29", "1.33", "1.37")
NOTHING = {"workers": {"cpu": {"enabled": False}}}
NONE = "none! No job will be accepted: switch on one of workers."
FOREIGN = {"ScaledObject", "TriggerAuthentication", "ServiceMonitor", "PodMonitor", "PrometheusRule"}
"""Of operators: no schema of Kubernetes' own."""


@pytest.mark.parametrize("files", [(), (EVERYTHING,)], ids=["default", "everything"])
def test_helm_finds_nothing_to_complain_about(files):
    ran = run_helm("lint --strict", files=files)
    assert ran.status == 0, ran.output + ran.errors


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_them(made, version, monkeypatch):
    # It reads all definitions anew for every manifest, which takes longer than the rest.
    monkeypatch.setattr(utils, "schema_contents", cache(utils.schema_contents))
    different = {
        json.dumps(each["spec"], sort_keys=True): each for name in FORMS for each in made(name) if "spec" in each
    }
    plain = [each for each in made("everything") if "spec" not in each]
    for manifest in [*different.values(), *plain]:
        if manifest["kind"] not in FOREIGN:
            kubernetes_validate.validate(manifest, version, strict=True)


def test_kubernetes_would_refuse_a_mistake(made):
    deployment = named(made("default"), "Deployment", "r-framelane-gateway")
    wrong = {**deployment, "spec": {**deployment["spec"], "replica": 2}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


def test_no_two_have_the_same_name(manifests):
    names = [(each["kind"], each["metadata"]["name"]) for each in manifests]
    assert len(names) == len(set(names))


def test_pods_may_do_little(manifests):
    for name, pod in pods(manifests).items():
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert "memory" in container["resources"]["limits"]
            assert not any("hostPort" in port for port in container.get("ports", []))


def test_what_selects_pods_finds_some(manifests):
    labels = [pod["metadata"]["labels"] for pod in pods(manifests).values()]

    def found(selector) -> bool:
        return any(selector.items() <= each.items() for each in labels)

    for service in of_kind(manifests, "Service"):
        assert found(service["spec"]["selector"]), service["metadata"]["name"]
    for each in of_kind(manifests, "PodDisruptionBudget"):
        assert found(each["spec"]["selector"]["matchLabels"])
    walls = of_kind(manifests, "NetworkPolicy")
    for wall in walls:
        assert found(wall["spec"]["podSelector"]["matchLabels"]), wall["metadata"]["name"]
    if walls:
        walled = [wall["spec"]["podSelector"]["matchLabels"] for wall in walls]
        alone = [each for each in labels if not any(wall.items() <= each.items() for wall in walled)]
        assert {each["app.kubernetes.io/component"] for each in alone} <= {"test"}


def test_services_lead_to_ports_that_containers_have(manifests):
    for service in of_kind(manifests, "Service"):
        selector = service["spec"]["selector"]
        wanted = {port["targetPort"] for port in service["spec"]["ports"]}
        for pod in pods(manifests).values():
            if selector.items() <= pod["metadata"]["labels"].items():
                assert wanted <= {port["name"] for each in pod["spec"]["containers"] for port in each["ports"]}


def test_modules_that_are_run_exist(manifests):
    for name, pod in pods(manifests).items():
        for container in pod["spec"]["containers"]:
            probes = [
                container[key]["exec"]["command"]
                for key in container
                if key.endswith("Probe") and "exec" in container[key]
            ]
            for command in [container.get("command", []), *probes]:
                if "-m" in command:
                    assert importlib.util.find_spec(command[command.index("-m") + 1]), name


@pytest.mark.parametrize(
    ("form", "lane", "resource", "target"),
    [
        ("cpu", "cpu", None, "cpu"),
        ("gpu", "gpu", "nvidia.com/gpu", "gpu-nvidia"),
        ("intel-gpu", "gpu", "gpu.intel.com/xe", "gpu-intel"),
        ("npu", "npu", "npu.intel.com/accel", "npu"),
    ],
)
def test_each_device_alone(made, form, lane, resource, target):
    manifests = made(form)
    workers = [each for each in of_kind(manifests, "Deployment") if "-worker-" in each["metadata"]["name"]]
    assert [each["metadata"]["name"] for each in workers] == [f"r-framelane-worker-{lane}-fast"]
    spec = workers[0]["spec"]["template"]["spec"]
    container = spec["containers"][0]
    devices = {name: count for name, count in container["resources"]["limits"].items() if "/" in name}
    assert devices == ({resource: 1} if resource else {})
    assert container["image"] == f"framelane-worker:0.1.0-{target}"
    assert dict(environments(manifests))[workers[0]["metadata"]["name"]]["FRAMELANE_WORKER__LANE"] == lane
    # Where devices are few, a new pod can only start when an old one has gone.
    assert workers[0]["spec"]["strategy"]["rollingUpdate"]["maxSurge"] == (0 if resource else 1)
    assert spec["securityContext"].get("supplementalGroups") == ([992] if form == "intel-gpu" else None)


def test_every_lane_of_every_device(made):
    lanes = {
        environ["FRAMELANE_WORKER__LANE"]
        for _, environ in environments(made("everything"))
        if "FRAMELANE_WORKER__LANE" in environ
    }
    assert lanes == {"cpu", "cpu.long", "io", "gpu", "gpu.long", "npu", "npu.long"}
    assert all(Lane(lane) for lane in lanes)


def test_whoever_scales_owns_the_number_of_pods(made):
    manifests = made("everything")
    scaled = {
        each["spec"]["scaleTargetRef"]["name"]
        for each in of_kind(manifests, "ScaledObject", "HorizontalPodAutoscaler")
    }
    numbered = {
        each["metadata"]["name"] for each in of_kind(manifests, "Deployment") if "replicas" in each["spec"]
    }
    assert numbered == {"r-framelane-worker-io", "r-framelane-flower"}
    assert scaled | numbered == {each["metadata"]["name"] for each in of_kind(manifests, "Deployment")}


def test_the_ingress_lets_sockets_be_silent(made):
    ingress = named(made("everything"), "Ingress", "r-framelane-gateway")
    notes = ingress["metadata"]["annotations"]
    assert notes["nginx.ingress.kubernetes.io/proxy-read-timeout"] == "3600"
    assert notes["nginx.ingress.kubernetes.io/proxy-send-timeout"] == "3600"
    assert notes["nginx.ingress.kubernetes.io/proxy-body-size"] == str(2 * 1024**3 + 1024**2)
    assert ingress["spec"]["tls"] == [{"secretName": "framelane-tls", "hosts": ["framelane.example"]}]


def test_flower_asks_for_a_login(made):
    environ = dict(environments(made("everything")))["r-framelane-flower"]
    name, _, password = environ["FLOWER_BASIC_AUTH"].partition(":")
    assert name
    assert len(password) >= 16
    assert "FLOWER_UNAUTHENTICATED_API" not in environ
    assert environ["FRAMELANE_BROKER__EVENTS"] == "true"


@pytest.mark.parametrize(("values", "lanes"), [(FORMS["gpu"], "gpu"), (NOTHING, NONE)], ids=["gpu", "none"])
def test_notes_name_the_lanes(values, lanes):
    notes = run_helm("install r --dry-run=client", values=values)
    assert notes.status == 0, notes.errors
    assert f"Lanes: {lanes}" in notes.output.splitlines()


def test_who_watches_is_told_everything(made):
    manifests = made("everything")
    (monitor,), (workers,) = of_kind(manifests, "ServiceMonitor"), of_kind(manifests, "PodMonitor")
    assert monitor["spec"]["endpoints"][0]["path"] == "/metrics"
    (endpoint,) = workers["spec"]["podMetricsEndpoints"]
    (rules,) = of_kind(manifests, "PrometheusRule")
    assert rules["spec"] == yaml.safe_load((DEPLOY / "prometheus/rules/framelane.yml").read_text("utf-8"))
    boards = named(manifests, "ConfigMap", "r-framelane-dashboards")["data"]
    assert boards == {path.name: path.read_text("utf-8") for path in (DEPLOY / "grafana/dashboards").iterdir()}
    for pod in pods(manifests).values():
        if pod["metadata"]["labels"].get("framelane/part") == "worker":
            ports = {port["name"]: port["containerPort"] for port in pod["spec"]["containers"][0]["ports"]}
            environ = {each["name"]: each.get("value") for each in pod["spec"]["containers"][0]["env"]}
            assert environ["FRAMELANE_METRICS__PORT"] == str(ports[endpoint["port"]])
