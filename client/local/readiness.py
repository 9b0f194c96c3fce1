"""When a local system is ready: the gateway says so, and the workers that we started have announced themselves."""

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
    """One look. A worker of an earlier life that the registry still knows doesn't count: ours are known by pid."""
    if not set(lanes) <= set(pids):
        return False
    try:
        if not http.get(f"{url}/health/ready").is_success:
            return False
        answer = http.get(f"{url}/api/v1/workers")
        live = _ANSWER.validate_json(answer.content) if answer.is_success else _Workers(workers=[])
    except (httpx2.HTTPError, ValidationError):
        return False
    announced = {(worker.lane, worker.pid) for worker in live.workers}
    return all((lane, pids.get(lane)) in announced for lane in lanes)
