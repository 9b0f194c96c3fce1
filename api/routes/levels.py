"""How much gateways and workers log."""

from fastapi import APIRouter, Request
from pydantic import TypeAdapter

from api.callers import caller, must_oversee
from api.dependencies import Here
from api.reference import json_body, problems
from api.uploads import read_json
from shared.log_levels import LogLevels, NewLogLevels

router = APIRouter(tags=["operation"])

_NEW: TypeAdapter[NewLogLevels] = TypeAdapter(NewLogLevels)


@router.get("/log-level", responses=problems(403, 503))
async def get_log_level(here: Here) -> LogLevels:
    """The levels that were set for all gateways and all workers; null: each has that of its settings."""
    must_oversee()
    return await here.levels.now()


@router.put("/log-level", responses=problems(400, 403, 415, 422, 503), openapi_extra=json_body("NewLogLevels"))
async def set_log_level(request: Request, here: Here) -> LogLevels:
    """Set them, for a while or until they are set again. Every process follows within seconds.

    For operators of the tenant `default`: processes are everybody's. What is left out, or null, goes back to the
    settings.
    """
    must_oversee()
    return await here.levels.set(await read_json(request, _NEW), caller().name)
