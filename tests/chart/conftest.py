from functools import cache

import pytest

from tests.support.chart import EVERYTHING, Manifest, render

_INTEL = {"enabled": True, "device": {"resource": "gpu.intel.com/xe", "groups": [992]}, "tolerations": []}
_NO_CPU = {"cpu": {"enabled": False}}

FORMS = {
    "default": {},
    "everything": {},
    "cpu": {"workers": {"cpu": {"lanes": {"long": {"enabled": False}, "io": {"enabled": False}}}}},
    "gpu": {"workers": {**_NO_CPU, "gpu": {"enabled": True}}},
    "intel-gpu": {"workers": {**_NO_CPU, "gpu": _INTEL}},
    "npu": {"workers": {**_NO_CPU, "npu": {"enabled": True}}},
    "own-stores": {
        "valkey": {"enabled": False},
        "redis": {
            "host": "redis.example",
            "port": 6380,
            "tls": True,
            "username": "jobs",
            "existingSecret": "stores",
        },
        "seaweedfs": {"enabled": False},
        "s3": {"endpoint": "s3.example", "existingSecret": "stores", "bucket": "vision"},
        "networkPolicy": {"enabled": False},
        "auth": {"existingSecret": "who-may-call-the-gateway"},
    },
}
"""Values by the name of what they make."""


@cache
def form(name: str) -> list[Manifest]:
    return render(FORMS[name], *([EVERYTHING] if name == "everything" else []))


@pytest.fixture(params=FORMS)
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    """What each form of the chart would install. Not to be changed."""
    return form(request.param)


@pytest.fixture
def made():
    """The manifests of one of the forms, by its name. Not to be changed."""
    return form
