"""From values to the settings that the processes then have."""

import math
import re
from typing import get_args

import pytest
from pydantic import SecretStr

from client.local.environment import settings_of
from deploy import chart_reference
from deploy.chart_reference import sections_of_settings
from shared.devices import Lane, LaneClass
from shared.settings import Settings
from tests.support.chart import CHART, EVERYTHING, environments, named, of_kind, pods, refusal, render

KNOWN = {
    f"FRAMELANE_{section}__{field}".upper()
    for section, model in sections_of_settings().items()
    for field in model.model_fields
}
SECRET = {
    f"{section}.{field}"
    for section, model in sections_of_settings().items()
    for field, info in model.model_fields.items()
    if SecretStr in (info.annotation, *get_args(info.annotation))
}

PER_PART = {
    "valkey": {"enabled": False},
    "redis": {"host": "redis.example", "usersPerPart": True, "existingSecret": "stores"},
}


def given(manifests) -> dict[str, dict[str, str]]:
    """Environments of those that have our settings."""
    return {name: environ for name, environ in environments(manifests) if "FRAMELANE_REDIS__URL" in environ}


def test_every_variable_is_a_setting_and_can_be_read(manifests):
    found = given(manifests)
    assert "r-framelane-gateway" in found
    for name, environ in found.items():
        ours = {key: value for key, value in environ.items() if key.startswith("FRAMELANE_")}
        assert set(ours) <= KNOWN, name
        # Cameras are JSON in a Secret that isn't ours.
        ours.pop("FRAMELANE_PIPELINES__CAMERAS", None)
        assert isinstance(settings_of(ours), Settings)


def test_values_arrive_as_they_were_written(made):
    found = {
        name: settings_of({k: v for k, v in environ.items() if "CAMERAS" not in k})
        for name, environ in given(made("everything")).items()
    }
    gateway = found["r-framelane-gateway"]
    assert gateway.limits.page == 500
    assert gateway.routing.prefer == ["NPU", "GPU", "CPU"]
    assert math.isclose(gateway.routing.close, 0.25)
    assert gateway.models.cache_bytes == 8 * 1024**3
    assert gateway.artifacts.public_url == "https://files.example"
    assert gateway.callbacks.secret.get_secret_value() == "from-callbacks-signing"
    assert (gateway.log.level, gateway.broker.events) == ("INFO", True)
    long, fast = found["r-framelane-worker-cpu-long"], found["r-framelane-worker-gpu-fast"]
    assert (long.worker.lane, long.worker.drain_s, long.worker.concurrency, long.log.level) == (
        "cpu.long",
        600,
        1,
        "DEBUG",
    )
    assert (fast.worker.lane, fast.worker.drain_s, fast.batching.jobs, long.batching.jobs) == ("gpu", 30, 128, 32)


def test_stores_of_ones_own(made):
    gateway = settings_of(given(made("own-stores"))["r-framelane-gateway"])
    assert gateway.store_url == "rediss://jobs:from-stores-redis-password@redis.example:6380/0"
    files = gateway.artifacts
    assert (files.endpoint, files.bucket, files.secure) == ("s3.example", "vision", True)
    assert (files.access_key, files.secret_key.get_secret_value()) == (
        "from-stores-s3-access-key",
        "from-stores-s3-secret-key",
    )
    assert of_kind(made("own-stores"), "StatefulSet", "Secret") == []


def test_each_part_logs_in_as_itself(made):
    for values, place in ((None, "r-framelane-valkey:6379"), ("per-part", "redis.example:6379")):
        manifests = made("everything") if values is None else render(PER_PART, EVERYTHING)
        users = {
            name: re.fullmatch(rf"redis://(\w+):([-\w]+)@{place}/0", environ["FRAMELANE_REDIS__URL"])
            for name, environ in given(manifests).items()
        }
        for name, found in users.items():
            part = next((part for part in ("flower", "gateway") if name.endswith(part)), "worker")
            assert found is not None, name
            assert found[1] == part
            assert values is None or found[2] == f"from-stores-redis-password-{part}"
        assert len({found[2] for found in users.values() if found}) == 3, "gateways, workers, Flower"
        scaled = named(manifests, "ScaledObject", "r-framelane-worker-cpu-long")
        (trigger,) = scaled["spec"]["triggers"]
        asked = dict(environments(manifests))["r-framelane-worker-cpu-long"][
            trigger["metadata"]["usernameFromEnv"]
        ]
        assert asked == "scaler"
        login = named(manifests, "TriggerAuthentication", trigger["authenticationRef"]["name"])
        assert login["spec"]["secretTargetRef"][0]["key"] == "redis-password-scaler"


def test_one_user_of_ones_own_server_is_everybodys():
    values = {**PER_PART, "redis": {"host": "redis.example", "username": "jobs", "existingSecret": "stores"}}
    manifests = render(values, EVERYTHING)
    urls = {environ["FRAMELANE_REDIS__URL"] for environ in given(manifests).values()}
    assert urls == {"redis://jobs:from-stores-redis-password@redis.example:6379/0"}
    assert dict(environments(manifests))["r-framelane-worker-cpu-long"]["REDIS_SCALER"] == "jobs"


def test_pods_have_the_time_they_need_to_end(manifests):
    found = given(manifests)
    for name, pod in pods(manifests).items():
        grace = pod["spec"].get("terminationGracePeriodSeconds")
        if "-worker-" in name:
            settings = settings_of({k: v for k, v in found[name].items() if "CAMERAS" not in k})
            work = settings.worker.grace_s
            if Lane(settings.worker.lane).lane_class is LaneClass.LONG:
                work = max(work, settings.pipelines.stop_s + 4)
            assert grace >= settings.worker.drain_s + work + 2, name
        elif name.endswith("-gateway"):
            stop = pod["spec"]["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
            limits = settings_of({k: v for k, v in found[name].items() if "CAMERAS" not in k}).limits
            assert grace >= int(stop[1]) + limits.shutdown_s + 2


def test_secrets_are_in_secrets_only():
    passwords = {"redis": "a-password-of-16-or-more", "s3": "another-of-16-or-more"}
    manifests = render(
        {"redis": {"password": passwords["redis"]}, "s3": {"accessKey": "somebody", "secretKey": passwords["s3"]}},
        EVERYTHING,
    )
    others = str([each for each in manifests if each["kind"] != "Secret"])
    assert not any(password in others for password in passwords.values())
    environ = given(manifests)["r-framelane-gateway"]
    assert re.fullmatch(r"redis://gateway:\w{32}@r-framelane-valkey:6379/0", environ["FRAMELANE_REDIS__URL"])
    assert dict(environments(manifests))["r-framelane-valkey"]["VALKEYCLI_AUTH"] == passwords["redis"]
    assert environ["FRAMELANE_ARTIFACTS__SECRET_KEY"] == passwords["s3"]
    for each in of_kind(manifests, "ConfigMap"):
        assert not {f"FRAMELANE_{name.replace('.', '__')}".upper() for name in SECRET} & set(each["data"])


@pytest.mark.parametrize("name", [*sorted(SECRET), "pipelines.cameras", "broker.url"])
def test_a_secret_among_the_settings_is_refused(name):
    section, field = name.split(".")
    said = refusal({"workers": {"cpu": {"lanes": {"io": {"settings": {section: {field: "x"}}}}}}})
    assert f"settings.{name} may be a secret" in said
    assert f"secretEnv.FRAMELANE_{section.upper()}__{field.upper()}" in said


def test_what_is_generated_is_fresh():
    assert (CHART / "README.md").read_text("utf-8") == chart_reference.readme(), "run: make contracts"
    assert (CHART / "values.schema.json").read_text("utf-8") == chart_reference.schema(), "run: make contracts"
