"""Live sessions through two gateways behind a balancer that knows nothing, and a real worker with real models."""

import json
import os
import signal
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from client.local.embedded import EmbeddedValkey
from client.sdk import Framelane
from client.sdk.session_track import Told
from client.sdk.sessions import LiveSession
from shared.adapters.links import LinkSigner
from shared.adapters.local_artifacts import LocalArtifactStore
from shared.adapters.redis_leases import RedisDeviceLeases
from shared.adapters.redis_registry import RedisWorkerBeacon
from shared.catalogue import SHIPPED
from shared.sessions import DroppedFrame, FrameFailed, FrameLost, FrameResult, RefusedFrame, WindowReset
from shared.settings import RedisSettings, Settings
from tests.support.gateway_process import GatewayProcess, gateway_process
from tests.support.models import install_into, photo
from tests.support.polling import eventually
from tests.support.processes import System
from tests.support.round_robin import RoundRobin, round_robin

pytestmark = [pytest.mark.service, pytest.mark.models]

MODELS = ("vgt", "lstm", "hand_landmarker", "pose_landmarker")
POINT = {"x": 0.4, "y": 0.6, "z": 0.1}
MOMENT = {"left_hand": [POINT] * 21}
KEY = "a key that both gateways know"
LIMITS = {
    "FRAMELANE_SESSIONS__LOST_S": "1.5",
    "FRAMELANE_SESSIONS__PART_LINES": "3",
    "FRAMELANE_ARTIFACTS__LINK_KEY": KEY,
}


@dataclass
class House:
    system: System
    gateways: list[GatewayProcess]
    balancer: RoundRobin


@pytest.fixture(scope="module")
def house(valkey: EmbeddedValkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("live")
    prefix = f"test-{uuid.uuid4().hex[:12]}"
    settings = Settings(REDIS_URL=valkey.url, redis=RedisSettings(prefix=prefix, answer_s=5, connect_timeout_s=5))
    beacon = RedisWorkerBeacon(settings)
    install_into(LocalArtifactStore(folder / "artifacts", LinkSigner(SecretStr(KEY))), beacon, MODELS)
    beacon.close()
    system = System(settings, folder, SHIPPED)
    try:
        system.start("cpu", **LIMITS)
        with (
            gateway_process(settings, folder, environment=LIMITS) as one,
            gateway_process(settings, folder, environment=LIMITS) as two,
            round_robin(one.port, two.port) as balancer,
        ):
            yield House(system, [one, two], balancer)
    finally:
        system.close()


@pytest.fixture
def client(house: House) -> Iterator[Framelane]:
    with Framelane(house.balancer.url) as made:
        yield made


def answered(live: LiveSession, count: int = 1) -> list[Told]:
    """The next answers."""
    found: list[Told] = []
    while len(found) < count:
        told = live.receive(30)
        assert told is not None, "no answer within 30 s"
        found.append(told)
    return found


def ask(live: LiveSession, **frame: Any) -> FrameResult:
    live.send(**frame)
    (told,) = answered(live)
    assert isinstance(told, FrameResult), told
    return told


def named(live: LiveSession, name: str, **frame: Any) -> FrameResult:
    """The same for a frame that others' answers may come before."""
    live.send(**frame, frame=name)
    while (told := answered(live)[0]).frame != name:  # type: ignore[union-attr]
        pass
    assert isinstance(told, FrameResult), told
    return told


def test_photos_and_hands_are_answered_as_jobs_are(client: Framelane):
    picture = photo("nocurl")
    expected = client.predict("vgt", image=picture)
    with client.session("vgt", top_k=1) as live:
        assert live.begun.takes == ["image", "landmarks"]
        told = ask(live, image=picture, frame="first", captured=12.5)
        assert told.prediction.label == expected.prediction  # type: ignore[union-attr]
        assert (told.frame, told.captured, told.number, told.seq) == ("first", 12.5, 1, 1)
        times = told.timings
        assert times.received <= times.queued <= times.started <= times.done
        assert ask(live, landmarks=expected.landmarks).prediction.label == expected.prediction  # type: ignore[union-attr]
        live.send(b"\xff\xd8\xff\xe0 no photo", frame="bad")
        (refused,) = answered(live)
        assert isinstance(refused, RefusedFrame)
        assert (refused.frame, refused.error.code) == ("bad", "frame-unreadable")
        cut_short = picture.read_bytes()[:-2000] + b"\xff\xd9"
        live.send(bytes([*cut_short[:400], *b"\0" * 300, *cut_short[700:]]), frame="odd")
        assert isinstance(answered(live)[0], FrameFailed | FrameResult | RefusedFrame)
        assert ask(live, image=picture).frame == 4, "the session goes on"


def test_a_session_goes_on_at_the_other_gateway_with_its_window(client: Framelane, house: House):
    before = list(house.balancer.taken)
    with client.session("lstm") as live:
        for expected in (1, 2, 3):
            assert ask(live, moment=MOMENT).window == expected
        session, seq = live.begun.session, live._track.after_seq
        house.balancer.cut()
        live.send(moment=MOMENT, frame="into the gap")
        told = answered(live)[0]
        if isinstance(told, FrameLost):  # it was sent before anybody knew
            assert (told.number, told.frame) == (0, "into the gap")
            told = named(live, "after the gap", moment=MOMENT)
        assert isinstance(told, FrameResult)
        assert live.begun.resumed
        assert (live.begun.session, live.begun.token) == (session, None)
        # The gateway that was left may still read what lay in its socket: the frame came although it was given up.
        assert told.window in {4, 5}
        assert told.seq > (seq or 0)
        live.reset()
        while not isinstance(answered(live)[0], WindowReset):
            pass
        first = named(live, "anew", moment=MOMENT).window
        assert first in {1, 2}
        picture = named(live, "picture", image=photo("nocurl"))
        assert picture.window == (first or 0) + 1, "a photo becomes a moment"
    taken = [now - then for now, then in zip(house.balancer.taken, before, strict=True)]
    assert taken == [1, 1], "each gateway had it once"


def test_a_killed_worker_loses_frames_at_most_and_never_a_row(client: Framelane, house: House):
    (worker,) = house.system.workers
    with client.session("lstm") as live:
        results = [ask(live, moment=MOMENT) for _ in range(3)]
        first = worker.child
        os.kill(first, signal.SIGSTOP)
        live.send(moment=MOMENT, frame="meets its end")
        os.kill(first, signal.SIGKILL)
        fate = answered(live)[0]
        assert isinstance(fate, FrameLost | FrameResult)
        results += [fate] if isinstance(fate, FrameResult) else []
        sent = 0
        while len(results) < 6:  # until its heir is ready
            live.send(moment=MOMENT, frame=f"after-{sent}")
            sent += 1
            fate = answered(live)[0]
            results += [fate] if isinstance(fate, FrameResult) else []
        assert [each.window for each in results] == list(range(1, len(results) + 1))
        assert worker.child != first


def test_frames_of_a_leased_device_wait_or_are_told_as_lost(client: Framelane, house: House):
    settings = house.system.settings
    beacon, leases = RedisWorkerBeacon(settings), RedisDeviceLeases(settings)
    (crew,) = beacon.workers()
    place = (crew.host, crew.device.key)
    try:
        with client.session("vgt") as live:
            ask(live, landmarks=[POINT] * 21)
            assert leases.acquire(*place, "a benchmark", 30)
            eventually(lambda: ((lease := leases.get(*place)) and crew.id in lease.yielded) or None)
            live.send(landmarks=[POINT] * 21, frame="meanwhile")
            (told,) = answered(live)
            assert isinstance(told, FrameLost)
            assert "leased" in told.error.detail
            leases.release(*place, "a benchmark")
            eventually(lambda: isinstance(_one(live), FrameResult) or None)
    finally:
        leases.release(*place, "a benchmark")
        leases.close()
        beacon.close()


def _one(live: LiveSession) -> Told:
    live.send(landmarks=[POINT] * 21)
    return answered(live)[0]


def test_sessions_take_turns_and_each_hears_of_every_frame(client: Framelane):
    picture = photo("nocurl").read_bytes()
    with client.session("vgt") as one, client.session("vgt") as two:
        for live in (one, two):
            for frame in range(12):
                live.send(picture, frame=frame)
        fates = {live: list(live.answers()) for live in (one, two)}
    for told in fates.values():
        results = [each.number for each in told if isinstance(each, FrameResult)]
        dropped = [each.number for each in told if isinstance(each, DroppedFrame)]
        assert results == sorted(results)
        assert sorted(results + dropped) == list(range(1, 13)), "one fate each"
        assert results[-1] == 12, "the newest wins"


def test_what_was_recorded_is_in_files(client: Framelane):
    with client.session("lstm", record=True) as live:
        told = [ask(live, moment=MOMENT) for _ in range(4)]
        session = live.begun.session

    def files() -> list[str] | None:
        names = [each["name"] for each in listing(client, session)]
        return names if len(names) == 2 else None

    names = eventually(files)
    assert names == ["results-00000000.jsonl", "results-00000003.jsonl"]
    text = "".join(download(client, session, name) for name in names)
    assert [json.loads(line)["window"] for line in text.splitlines()] == [each.window for each in told]
    answer = httpx2.get(f"{client.url}/api/v1/sessions/{uuid.uuid4()}/artifacts")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:framelane:error:session-not-found")


def listing(client: Framelane, session: str) -> list[dict[str, Any]]:
    answer = httpx2.get(f"{client.url}/api/v1/sessions/{session}/artifacts")
    assert answer.status_code == 200
    return answer.json()["artifacts"]


def download(client: Framelane, session: str, name: str) -> str:
    path = f"{client.url}/api/v1/sessions/{session}/artifacts/{name}"
    return httpx2.get(path, follow_redirects=True).raise_for_status().text
