"""How much gateways and workers log is set while they run."""

import logging
from collections.abc import Iterator

import httpx2
import pytest

from shared.access import Role
from shared.log_levels import NewLogLevels
from shared.settings import LogSettings, Settings
from shared.telemetry import FollowedLevel
from tests.support.access import asking, bearer, key_for
from tests.support.gateway import House, calling
from tests.support.polling import soon

PATH = "/api/v1/log-level"
OWN = {"gateways": None, "workers": None, "until": None}


@pytest.fixture(autouse=True)
def root() -> Iterator[logging.Logger]:
    logger = logging.getLogger()
    before = logger.level
    yield logger
    logger.setLevel(before)


async def test_levels_are_told_and_set(root: logging.Logger) -> None:
    house = House(Settings(log=LogSettings(level="WARNING")))
    async with calling(house) as client:
        assert (await client.get(PATH)).json() == OWN
        wanted = {"gateways": "DEBUG", "workers": "ERROR", "for_s": 600}
        answer = await client.put(PATH, json=wanted)
        assert answer.status_code == 200
        assert (answer.json() | {"until": None}) == {"gateways": "DEBUG", "workers": "ERROR", "until": None}
        assert (await client.get(PATH)).json() == answer.json()
        assert root.level == logging.DEBUG
        assert house.beacon.log_levels().workers == "ERROR"
        assert (await client.put(PATH, json={})).json() == OWN
        assert root.level == logging.WARNING


async def test_what_another_gateway_was_told_holds_here_too(house: House, root: logging.Logger) -> None:
    await house.parts.directory.set_log_levels(NewLogLevels(gateways="ERROR"))

    async def followed() -> bool:
        return root.level == logging.ERROR

    async with calling(house):
        await soon(followed)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"gateways": "LOUD"}, "/gateways"),
        ({"workers": "debug"}, "/workers"),
        ({"for_s": 0}, "/for_s"),
        ({"level": "DEBUG"}, "/level"),
    ],
)
async def test_what_is_no_level_is_refused(body: object, pointer: str, client: httpx2.AsyncClient) -> None:
    answer = await client.put(PATH, json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert (await client.get(PATH)).json() == OWN


async def test_it_is_for_operators_of_the_house_and_recorded() -> None:
    house = asking()
    async with calling(house) as client:
        for role, tenant, status in (
            (Role.SUBMITTER, "default", 403),
            (Role.ADMIN, "ours", 403),
            (Role.OPERATOR, "default", 200),
        ):
            headers = bearer(await key_for(house, role, tenant))
            assert (await client.get(PATH, headers=headers)).status_code == status
            assert (await client.put(PATH, json={"workers": "INFO"}, headers=headers)).status_code == status
    kept = await house.parts.audit.newest(10)
    assert [(each.action, each.outcome) for each in kept] == [
        ("set_log_level", "done"),
        ("set_log_level", "refused"),
        ("set_log_level", "refused"),
    ]


def test_a_process_goes_back_to_its_own_level(root: logging.Logger) -> None:
    level = FollowedLevel("INFO")
    for wanted, told in (("DEBUG", logging.DEBUG), ("ERROR", logging.ERROR), (None, logging.INFO)):
        level.heed(wanted)  # type: ignore[arg-type]
        assert root.level == told
