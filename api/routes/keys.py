"""API keys, and who one is."""

from fastapi import APIRouter, Request
from pydantic import Field, TypeAdapter
from starlette.responses import Response

from api.callers import caller
from api.dependencies import Here
from api.reference import json_body, problems
from api.uploads import read_json
from api.views import PREFIX, base_url
from shared.access import KeyLimits, KeyView, Role
from shared.new_keys import NewKey
from shared.predictions import Answer

router = APIRouter(tags=["keys"])

_NEW: TypeAdapter[NewKey] = TypeAdapter(NewKey)


class KeyList(Answer):
    """In the order they were made in."""

    keys: list[KeyView]


class MadeKey(Answer):
    """A new key. ``token`` is told this once."""

    key: KeyView
    token: str = Field(description="for the header `Authorization: Bearer`; nobody can tell it again")


class Me(Answer):
    """Who calls. ``name`` is empty where nobody is asked for one."""

    name: str
    role: Role | None
    tenant: str
    limits: KeyLimits


@router.get("/me", responses=problems())
async def who_am_i() -> Me:
    """Who the gateway takes you for, and what you may ask for."""
    who = caller()
    return Me(name=who.name, role=who.role, tenant=who.tenant, limits=who.limits)


@router.post(
    "/keys",
    status_code=201,
    responses=problems(400, 403, 415, 422, 503),
    response_model=MadeKey,
    openapi_extra=json_body("NewKey"),
)
async def create_key(request: Request, here: Here) -> Response:
    """Make a key. Its token is part of this answer and of no other."""
    key, token = await here.keys.create(await read_json(request, _NEW))
    answer = MadeKey(key=key.view(), token=token)
    where = {"Location": f"{base_url(request)}{PREFIX}/keys/{key.id}"}
    return Response(answer.model_dump_json(), 201, where, "application/json")


@router.get("/keys", responses=problems(403, 503))
async def list_keys(here: Here) -> KeyList:
    """List keys: those of your tenant, as an administrator of the default one all."""
    return KeyList(keys=[key.view() for key in await here.keys.all()])


@router.get("/keys/{key_id}", responses=problems(403, 404, 503))
async def get_key(here: Here, key_id: str) -> KeyView:
    """One key, without its token."""
    return (await here.keys.get(key_id)).view()


@router.delete("/keys/{key_id}", status_code=204, responses=problems(403, 404, 503))
async def revoke_key(here: Here, key_id: str) -> Response:
    """Revoke a key. Every gateway stops serving it within seconds (`FRAMELANE_AUTH__RECHECK_S`)."""
    await here.keys.revoke(key_id)
    return Response(status_code=204)
