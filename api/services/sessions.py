"""Live sessions of one gateway: begins and resumes them, hears their answers, and looks after those that wait."""

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from uuid import uuid4

import structlog

from api.callers import own_session, told_session
from api.services.courier import Courier
from api.services.lanes import Lanes
from api.services.live import GatewayStops, Live, Place
from api.services.models import InstalledModels
from api.services.rules import Rules
from api.services.session_frames import FrameReader, Pace
from shared.catalogue import CatalogueEntry
from shared.devices import AUTO
from shared.errors import DeviceUnavailable, FramelaneError, InvalidSpec, StoreUnavailable, Unavailable
from shared.needs import needs_of
from shared.packing import InferenceTask
from shared.ports import JobQueue
from shared.ports.sessions import NewFrame, NewSession, SessionNews, SessionStore
from shared.routing import Route
from shared.session_errors import FramesLost, SessionError, SessionIdle, SessionOver, SessionTaken, TooManySessions
from shared.sessions import (
    FRAME_TASK,
    Resume,
    SessionBegun,
    SessionLimits,
    SessionSpec,
    hashed,
    needed,
    takes,
    window_of,
)
from shared.settings import SessionSettings
from shared.specs import InferenceSpec

_LOOK_S = 0.25
_WAITS_S = 1.0
"""A frame that has no answer for so long is looked after."""
_RECONNECT_S = 0.5

_log = structlog.stdlib.get_logger()


class Sessions:
    """``check_image``: as in FrameReader."""

    def __init__(
        self,
        store: SessionStore,
        queue: JobQueue,
        courier: Courier,
        lanes: Lanes,
        models: InstalledModels,
        rules: Rules,
        settings: SessionSettings,
        check_image: Callable[[bytes], None],
    ) -> None:
        self._store = store
        self._queue = queue
        self._courier = courier
        self._lanes = lanes
        self._models = models
        self._rules = rules
        self._settings = settings
        self._check_image = check_image
        self._holder = uuid4().hex
        self._lives: dict[str, Live] = {}
        self._closing = False
        self._empty = asyncio.Event()
        self.connected = asyncio.Event()

    @property
    def open(self) -> int:
        """Sessions with a socket here."""
        return len(self._lives)

    async def begin(self, spec: SessionSpec, entry: CatalogueEntry) -> tuple[Live, SessionBegun]:
        """Raises InvalidSpec, ModelNotInstalled, DeviceUnavailable, TooManySessions, StoreUnavailable."""
        self._require_room()
        kinds = takes(entry)
        if not kinds:
            raise InvalidSpec(("/model", f"{entry.name} takes no frames: ask with jobs"))
        if broken := self._rules.broken(_as_job(spec)):
            raise InvalidSpec(*broken)
        await self._models.require([entry.name])
        route = await self._route(spec)
        session_id, token = own_session(str(uuid4())), secrets.token_urlsafe(32)
        await self._store.open(
            NewSession(
                id=session_id,
                token_hash=hashed(token),
                spec=spec.model_dump_json(),
                lane=route.queue,
                holder=self._holder,
                message=self._queue.envelope(route, session_id, {}),
                window=window_of(entry),
                record=spec.record,
            )
        )
        live = self._live(Place(session_id, 1, route.queue), spec, entry, self._settings.lifetime_s)
        return live, self._begun(live, entry, token, 0)

    async def resume(self, said: Resume) -> tuple[Live, SessionBegun]:
        """Raises SessionNotFound, TooManySessions, StoreUnavailable."""
        self._require_room()
        session_id = own_session(said.session)
        held = await self._store.resume(session_id, hashed(said.token), self._holder)
        spec = SessionSpec.model_validate_json(held.spec)
        entry = self._rules.entries.get(spec.model) or (await self._learn(spec.model))
        left_s = max(0.0, self._settings.lifetime_s - held.age_s)
        live = self._live(Place(session_id, held.turn, held.lane), spec, entry, left_s, min(said.after, held.seq))
        live.open = len(held.open)
        names = [json.loads(f"{{{meta}}}")["frame"] for meta in held.open]
        return live, self._begun(live, entry, None, held.seq, names)

    async def catch_up(self, live: Live) -> None:
        """Tell answers that are kept and that its client doesn't know. Raises StoreUnavailable."""
        live.catch_up(await self._store.answers(live.place.session_id, live.seq))

    async def offer(self, live: Live, frame: NewFrame) -> None:
        """Let the frame wait for a worker. Raises ModelNotInstalled, SessionError, StoreUnavailable."""
        model = live.spec.model
        entry = self._rules.entries.get(model)
        await self._models.require(needed(entry, frame.kind, self._rules.entries) if entry else [model])
        offered = await self._store.offer(live.place.session_id, live.place.turn, frame)
        live.offered(len(offered.dropped))
        for each in offered.dropped:
            live.tell(each)
        if offered.wake:
            await self._wake(live)

    async def reset(self, live: Live) -> int:
        """As in the port."""
        return await self._store.reset(live.place.session_id, live.place.turn)

    async def finish(self, live: Live) -> None:
        """Its client needs it no more."""
        with suppress(SessionError):
            await self._store.end(live.place.session_id, live.place.turn)

    def leave(self, live: Live) -> None:
        """Its socket is gone."""
        live.end(None)
        if self._lives.get(live.place.session_id) is live:
            del self._lives[live.place.session_id]
        if not self._lives:
            self._empty.set()

    async def close(self, within_s: float) -> None:
        """The process stops: tell everybody to go on elsewhere, and wait that long for them to leave."""
        self._closing = True
        for live in list(self._lives.values()):
            live.end(GatewayStops())
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self._lives:
                    self._empty.clear()
                    await self._empty.wait()

    async def hear(self) -> None:
        """Pass on what is told to this gateway, until cancelled."""
        while True:
            try:
                async with self._store.listen(self._holder) as told:
                    self.connected.set()
                    await self._all_catch_up()
                    async for news in told:
                        await self._pass_on(news)
            except StoreUnavailable as error:
                _log.warning("answers can't be heard", reason=error.detail)
            except Exception:  # noqa: BLE001  without this task every session of this process would be deaf
                _log.exception("unexpected error while hearing answers")
            self.connected.clear()
            await asyncio.sleep(_RECONNECT_S)

    async def watch(self) -> None:
        """Look after sessions whose answers don't come, and end those whose time is up, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_S)
            for live in list(self._lives.values()):
                try:
                    await self._look(live)
                except SessionError as error:
                    live.end(error)
                except Unavailable as error:
                    _log.warning("session not looked after", reason=error.detail)
                except Exception:  # noqa: BLE001  the other sessions must not suffer
                    _log.exception("unexpected error while looking after a session")

    async def _look(self, live: Live) -> None:
        now, settings = time.monotonic(), self._settings
        if now >= live.over_at:
            await self._give_up(live, SessionOver(f"sessions last {settings.lifetime_s:g} s; begin another"))
        elif now - live.last_frame_at >= settings.idle_s:
            await self._give_up(live, SessionIdle(f"no frame for {settings.idle_s:g} s; begin another session"))
        elif live.open and now - live.open_since >= min(_WAITS_S, settings.lost_s):
            await self._look_after(live)

    async def _look_after(self, live: Live) -> None:
        place = live.place
        looked = await self._store.look(place.session_id, place.turn)
        live.open = looked.open
        if looked.losses >= self._settings.losses:
            await self.catch_up(live)
            says = f"{looked.losses} frames in a row were lost while they ran: they may be what ends workers"
            await self._give_up(live, FramesLost(says))
            return
        if looked.open:
            await self._move_if_needed(live)
        if looked.wake:
            await self._wake(live)

    async def _move_if_needed(self, live: Live) -> None:
        if live.spec.device != AUTO:
            return
        _, lanes = await self._lanes.now()
        if any(lane.name == live.place.lane and lane.ready for lane in lanes):
            return
        with suppress(DeviceUnavailable):
            route = await self._route(live.spec)
            place = live.place
            message = self._queue.envelope(route, place.session_id, {})
            await self._store.move(place.session_id, place.turn, route.queue, message)
            live.place = Place(place.session_id, place.turn, route.queue)
            _log.info("session moved", session_id=place.session_id, lane=route.queue)

    async def _give_up(self, live: Live, why: FramelaneError) -> None:
        await self.finish(live)
        live.end(why)

    async def _wake(self, live: Live) -> None:
        route = Route(FRAME_TASK, live.place.lane, live.spec.priority)
        try:
            await self._courier.send(route, live.place.session_id, {})
        except Unavailable as error:  # the next look sends another
            _log.warning("frame not announced", reason=error.detail)

    async def _pass_on(self, news: SessionNews | None) -> None:
        if news is None:
            await self._all_catch_up()
            return
        live = self._lives.get(news.session_id)
        if live is None or live.place.turn != news.turn:
            return
        if news.answer is None:
            live.end(SessionTaken())
        elif not live.heard(news.answer):
            await self.catch_up(live)

    async def _all_catch_up(self) -> None:
        for live in list(self._lives.values()):
            await self.catch_up(live)

    async def _route(self, spec: SessionSpec) -> Route:
        task = _as_task(spec)
        needs = needs_of(task, self._rules.entries, self._models.known, self._lanes.settings)
        route = await self._lanes.route("inference", task, needs)
        return Route(FRAME_TASK, route.queue, spec.priority)

    async def _learn(self, model: str) -> CatalogueEntry:
        await self._models.now()
        entry = self._rules.entries.get(model)
        if entry is None:
            raise SessionError(f"its model {model} is no longer installed")
        return entry

    def _require_room(self) -> None:
        if self._closing:
            raise GatewayStops
        if len(self._lives) >= self._settings.per_gateway:
            says = f"{self._settings.per_gateway} sessions are open here (FRAMELANE_SESSIONS__PER_GATEWAY)"
            raise TooManySessions(f"{says}: try another gateway, or later")

    def _live(self, place: Place, spec: SessionSpec, entry: CatalogueEntry, left_s: float, seq: int = 0) -> Live:
        settings = self._settings
        reader = FrameReader(entry.name, takes(entry), settings.frame_bytes, self._check_image)
        live = Live(place, spec, reader, Pace(settings.frames_per_s, settings.refusals), left_s, seq)
        before = self._lives.get(place.session_id)
        if before is not None:
            before.end(SessionTaken())
        self._lives[place.session_id] = live
        return live

    def _begun(
        self,
        live: Live,
        entry: CatalogueEntry,
        token: str | None,
        seq: int,
        names: Sequence[int | str | None] = (),
    ) -> SessionBegun:
        settings = self._settings
        return SessionBegun(
            session=told_session(live.place.session_id),
            token=token,
            resumed=token is None,
            model=entry.name,
            device=live.spec.device,
            lane=live.place.lane,
            takes=takes(entry),
            window=window_of(entry) or None,
            record=live.spec.record,
            seq=seq,
            open=list(names),
            limits=SessionLimits(
                in_flight=settings.in_flight,
                frame_bytes=settings.frame_bytes,
                frames_per_s=settings.frames_per_s,
                lost_s=settings.lost_s,
                idle_s=settings.idle_s,
                left_s=round(live.over_at - time.monotonic(), 1),
            ),
        )


def _as_job(spec: SessionSpec) -> InferenceSpec:
    return InferenceSpec.model_construct(
        model=spec.model, device=spec.device, priority=spec.priority, options=spec.options, inputs=[]
    )


def _as_task(spec: SessionSpec) -> InferenceTask:
    return InferenceTask.model_construct(
        model=spec.model, device=spec.device, priority=spec.priority, options=spec.options, inputs=[]
    )
