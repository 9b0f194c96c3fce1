"""docker-compose.yml as the real Compose understands it, and the ``.env`` that it takes."""

import base64
import re
import stat

import pytest

from client.local.environment import settings_of
from shared.devices import Lane, LaneClass
from tests.chart.test_settings import KNOWN
from tests.support.compose import compose, composed, read_env, write_env
from tests.support.models import ROOT

STORES = {"valkey", "s3", "gateway"}
WORKERS = {
    "cpu": {"worker-cpu", "worker-cpu-long"},
    "gpu-nvidia": {"worker-gpu-nvidia"},
    "gpu-intel": {"worker-gpu-intel", "worker-gpu-intel-long"},
    "npu": {"worker-npu", "worker-npu-long"},
}
OTHERS = {
    "flower": {"flower"},
    "monitoring": {"prometheus-key", "prometheus", "grafana"},
    "live": {"mediamtx"},
}


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """All services with all profiles. Not to be changed."""
    return composed(tmp_path_factory.mktemp("compose"))["services"]


@pytest.mark.parametrize("profile", [*WORKERS, *OTHERS])
def test_profiles(profile, tmp_path):
    expected = STORES | ({"worker-io"} | WORKERS[profile] if profile in WORKERS else OTHERS[profile])
    assert set(composed(tmp_path, profile)["services"]) == expected


def test_without_secrets_it_says_what_makes_them():
    status, _, errors = compose("config", "-q")
    assert status != 0
    assert "VALKEY_PASSWORD is missing a value: run deploy/setup_env.sh --compose" in errors


def test_every_variable_is_a_setting_and_can_be_read(everything):
    lanes = set()
    for name, service in everything.items():
        ours = (
            {key: value for key, value in service["environment"].items() if key.startswith("FRAMELANE_")}
            if "environment" in service
            else {}
        )
        assert set(ours) <= KNOWN, name
        if ours:
            settings = settings_of(ours)
            assert re.fullmatch(rf"redis://{user_of(name)}:[0-9a-f]{{48}}@valkey:6379/0", settings.store_url)
            if name.startswith("worker-"):
                lanes.add(settings.worker.lane)
    assert lanes == {"io", "cpu", "cpu.long", "gpu", "gpu.long", "npu", "npu.long"}


def user_of(service):
    """The Valkey user that it logs in as."""
    return {"flower": "flower"}.get(service, "worker" if service.startswith("worker-") else "gateway")


def test_no_part_has_the_login_of_another(everything):
    passwords = everything["valkey"]["environment"]
    for name, service in everything.items():
        known = {
            user
            for user, password in passwords.items()
            if user.endswith(("_PASSWORD", "_AUTH")) and password in str(service.get("environment"))
        }
        if name != "valkey":
            ours = "FRAMELANE_REDIS__URL" in service.get("environment", {})
            assert known == ({f"{user_of(name).upper()}_PASSWORD"} if ours else set()), name


def test_workers_have_the_time_they_need_to_end(everything):
    for name, service in everything.items():
        if name.startswith("worker-"):
            settings = settings_of(service["environment"])
            long = Lane(settings.worker.lane).lane_class is LaneClass.LONG
            work = max(settings.worker.grace_s, settings.pipelines.stop_s + 4 if long else 0)
            assert (
                int(re.fullmatch(r"(\d+)s", service["stop_grace_period"])[1]) >= settings.worker.drain_s + work + 2
            )


def test_whoever_needs_stores_waits_until_they_are_healthy(everything):
    for name, service in everything.items():
        assert "healthcheck" in service or name == "mediamtx", name
        if service["image"].startswith("framelane-"):
            assert {each: how["condition"] for each, how in service["depends_on"].items()} == {
                "valkey": "service_healthy",
                "s3": "service_healthy",
            }


def test_containers_may_do_little(everything):
    for name, service in everything.items():
        assert "privileged" not in service
        assert service.get("network_mode") is None
        if name != "s3":  # its image starts as root and becomes somebody else
            assert service["cap_drop"] == ["ALL"], name
            assert service["read_only"] is True, name
        for port in service.get("ports", []):
            assert port["host_ip"] == "127.0.0.1", name
    assert "ports" not in everything["valkey"]
    assert list(everything["valkey"]["networks"]) == ["stores"]


def test_flower_asks_for_a_login(everything):
    environ = everything["flower"]["environment"]
    assert re.fullmatch(r"flower:\w{32,}", environ["FLOWER_BASIC_AUTH"])
    assert "FLOWER_UNAUTHENTICATED_API" not in environ


def test_images_are_built_from_recipes_that_there_are(everything):
    for service in everything.values():
        if "build" in service:
            recipe = (ROOT / service["build"]["dockerfile"]).read_text("utf-8")
            target = service["build"].get("target")
            assert target is None or f"AS {target}\n" in recipe
            assert all(f"ARG {name}" in recipe for name in service["build"]["args"])
            assert target is None or service["image"].endswith(f"-{target}")


def test_each_device_reaches_its_worker(everything):
    reserved = everything["worker-gpu-nvidia"]["deploy"]["resources"]["reservations"]["devices"]
    assert reserved == [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]
    assert everything["worker-gpu-intel"]["devices"][0]["source"] == "/dev/dri"
    assert everything["worker-npu"]["devices"][0]["source"] == "/dev/accel"


def a_machine(folder, *, nvidia=False, drm_vendor=None, npu=False):
    files = {"dev/nvidia0": "" if nvidia else None, "dev/accel/accel0": "" if npu else None}
    if drm_vendor:
        files |= {"dev/dri/renderD128": "", "sys/class/drm/renderD128/device/vendor": f"{drm_vendor}\n"}
    for name, text in files.items():
        if text is not None:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("machine", "profiles"),
    [
        ({}, "cpu"),
        ({"nvidia": True, "drm_vendor": "0x10de"}, "cpu,gpu-nvidia"),
        ({"drm_vendor": "0x8086", "npu": True}, "cpu,gpu-intel,npu"),
        ({"drm_vendor": "0x1002"}, "cpu"),
    ],
    ids=["nothing", "nvidia", "intel", "amd"],
)
def test_env_names_the_devices_that_are_there(machine, profiles, tmp_path):
    file = tmp_path / ".env"
    said = write_env(file, a_machine(tmp_path / "root", **machine))
    env = read_env(file)
    assert env["COMPOSE_PROFILES"] == profiles
    assert f"profiles: {profiles}" in said
    group = str((tmp_path).stat().st_gid)
    assert env.get("RENDER_GROUP_ID") == (group if "gpu-intel" in profiles else None)
    assert env.get("ACCEL_GROUP_ID") == (group if "npu" in profiles else None)


def test_env_keeps_what_it_says_already(tmp_path):
    file = tmp_path / ".env"
    file.write_text("# mine\nVALKEY_PASSWORD=chosen\nFRAMELANE_PORT=9000")
    write_env(file, tmp_path)
    first = file.read_text()
    assert first.startswith("# mine\nVALKEY_PASSWORD=chosen\nFRAMELANE_PORT=9000\n")
    write_env(file, a_machine(tmp_path, nvidia=True))
    assert file.read_text() == first
    assert composed(tmp_path)["services"]["gateway"]["ports"][0]["published"] == "9000"


def test_secrets_are_long_different_and_nobody_elses_to_read(tmp_path):
    file = tmp_path / ".env"
    write_env(file, tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == [".env"], "nothing is left behind"
    env = read_env(file)
    secrets = [env[name].removeprefix("flower:") for name in env if re.search("PASSWORD|KEY|AUTH", name)]
    assert len(secrets) == len(set(secrets)) == 12
    assert all(re.fullmatch("[0-9a-f]{48}", secret) for secret in secrets)
    kind, _, key = env["FRAMELANE_CALLBACKS__SECRET"].partition("_")
    assert (kind, len(base64.b64decode(key, validate=True))) == ("whsec", 32)
