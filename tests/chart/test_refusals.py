"""Values that can't work fail before anything is installed, with what to do."""

import re
import tomllib

import pytest
import yaml

from deploy.chart_reference import values
from tests.support.chart import CHART, refusal, render
from tests.support.models import ROOT

OWN_REDIS = {"valkey": {"enabled": False}, "redis": {"host": "redis.example", "existingSecret": "x"}}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        # By the schema.
        ({"gateway": {"replica": 3}}, "additional properties 'replica' not allowed"),
        ({"gateway": {"replicas": "two"}}, "/gateway/replicas"),
        ({"workers": {"tpu": {"enabled": True}}}, "additional properties 'tpu'"),
        ({"workers": {"cpu": {"lanes": {"slow": {}}}}}, "additional properties 'slow'"),
        ({"workers": {"gpu": {"device": {"resource": "amd.com/gpu"}}}}, "/workers/gpu/device/resource"),
        ({"workerDefaults": {"autoscaling": {"minReplicas": 0}}}, "minimum: got 0, want 1"),
        ({"workerDefaults": {"drainSeconds": 0}}, "/workerDefaults/drainSeconds"),
        ({"redis": {"password": "short"}}, "/redis/password"),
        ({"redis": {"password": "has/a/slash/in/it/somewhere"}}, "/redis/password"),
        ({"settings": {"limits": {"body_byte": 1}}}, "additional properties 'body_byte' not allowed"),
        ({"settings": {"limits": {"body_bytes": 0}}}, "/settings/limits/body_bytes"),
        ({"secretEnv": {"FRAMELANE_X": {"name": "a", "key": "b"}}}, "'FRAMELANE_X' does not match pattern"),
        ({"s3": {"endpoint": "https://s3.example"}}, "/s3/endpoint"),
        ({"gateway": {"image": {"tag": "latest"}}}, "/gateway/image/tag"),
        ({"auth": {"mode": "off"}}, "/auth/mode"),
        # By the chart.
        ({"valkey": {"enabled": False}}, "set redis.host to a server of yours"),
        ({"redis": {"host": "redis.example"}}, "set valkey.enabled to false to use yours"),
        ({"valkey": {"enabled": False}, "redis": {"host": "redis.example"}}, "name that in redis.existingSecret"),
        ({"redis": {"noPassword": True}}, "the bundled Valkey always has a password"),
        (
            {"valkey": {"enabled": False}, "redis": {"host": "x", "password": "p" * 16, "usersPerPart": True}},
            "name that in redis.existingSecret",
        ),
        (
            {**OWN_REDIS, "redis": {**OWN_REDIS["redis"], "usersPerPart": True, "username": "a"}},
            "leave one of them",
        ),
        (
            {**OWN_REDIS, "redis": {**OWN_REDIS["redis"], "usersPerPart": True, "noPassword": True}},
            "Leave redis.noPassword false",
        ),
        ({"settings": {"redis": {"prefix": "a*"}}}, "letters, digits, - and _ only"),
        ({"seaweedfs": {"enabled": False}}, "set s3.endpoint to host:port"),
        ({"s3": {"endpoint": "s3.example"}}, "set seaweedfs.enabled to false to use yours"),
        ({"seaweedfs": {"enabled": False}, "s3": {"endpoint": "s3.example"}}, "name that in s3.existingSecret"),
        ({"ingress": {"enabled": True}}, "ingress.hosts is empty"),
        (
            {"ingress": {"enabled": True, "hosts": ["a.example"]}},
            "name its pods in networkPolicy.gatewayFrom",
        ),
        ({"serviceMonitor": {"enabled": True}}, "Prometheus wouldn't reach the gateway"),
        (
            {"gateway": {"autoscaling": {"enabled": True, "minReplicas": 9}}},
            "gateway.autoscaling.minReplicas is 9, above maxReplicas, 6",
        ),
        (
            {"workers": {"cpu": {"lanes": {"fast": {"autoscaling": {"enabled": True, "minReplicas": 5}}}}}},
            "workers.cpu.lanes.fast.autoscaling.minReplicas is 5, above maxReplicas, 4",
        ),
        ({"workerDefaults": {"autoscaling": {"enabled": True}}}, "KEDA wouldn't reach Valkey"),
        ({"workers": {"gpu": {"enabled": True, "lanes": {"io": {"enabled": True}}}}}, "use workers.cpu.lanes.io"),
        ({"workers": {"npu": {"enabled": True, "device": {"resource": ""}}}}, "set workers.npu.device.resource"),
        (
            {"workers": {"cpu": {"device": {"resource": "nvidia.com/gpu"}}}},
            "put it under workers.gpu or workers.npu",
        ),
        ({"settings": {"redis": {"url": "redis://x"}}}, "set redis.host and its neighbours instead"),
        (
            {"workers": {"cpu": {"settings": {"worker": {"drain_s": 3}}}}},
            "workers.cpu.settings.worker.drain_s is made by this chart",
        ),
    ],
    ids=lambda value: re.sub(r"\W+", "-", str(value))[:50],
)
def test_the_remedy_is_told(given, said):
    assert said in refusal(given)


def test_a_redis_that_asks_for_no_password():
    manifests = render({**OWN_REDIS, "redis": {"host": "redis.example", "noPassword": True}})
    assert "redis://redis.example:6379/0" in str(manifests)
    assert "REDIS_PASSWORD" not in str(manifests)


def test_every_value_is_explained():
    explained = {value.name for value in values()}
    free = ("settings.", "workers.")

    def leaves(found, path=""):
        for name, value in found.items():
            where = f"{path}{name}"
            if where in explained or not isinstance(value, dict) or not value:
                yield where
            else:
                yield from leaves(value, f"{where}.")

    found = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    assert [name for name in leaves(found) if name not in explained and not name.startswith(free)] == []


def test_the_chart_is_of_this_version():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert chart["version"] == chart["appVersion"] == project["version"]
