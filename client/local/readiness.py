"""When a local system is ready: the gateway says so, and the workers that we started have announced themselves."""

import os
from collections.abc import Mapping, Sequence

import httpx2
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError


class _Worker(BaseModel):
    model_config = ConfigDict(frozen=True)

    lane: str
    pid: int


class _Workers(BaseModel):
    workers: list[_Worker]


_ANSWER = TypeAdapter(_Workers)


def is_ready(http: httpx2.Client, url: str, lanes: Sequence[str], pids: Mapping[str, int]) -> bool:
    """One look. A worker of an earlier life that the registry still knows doesn't count.

    Ours are known by their sessions, which begin with the processes that we started: those are their wardens.
    """
    if not set(lanes) <= set(pids):
        return False
    try:
        answer = http.get(f"{url}/api/v1/workers")
        live = _ANSWER.validate_json(answer.content) if answer.is_success else _Workers(workers=[])
        announced = {(worker.lane, _session(worker.pid)) for worker in live.workers}
        # The dearer question last: who asks often shouldn't slow down those who are still starting.
        return (
            all((lane, pids[lane]) in announced for lane in lanes) and http.get(f"{url}/health/ready").is_success
        )
    except (httpx2.HTTPError, ValidationError):
        return False


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None
