"""API keys: made, listed, revoked; by a gateway, or straight in the store for the first one."""

import os
from typing import Annotated

import typer
from rich.table import Table

from client.cli.output import out, print_json
from client.cli.render import show
from client.cli.tables import plain_table
from client.cli.target import DEFAULT, AsJson, DataDir, Url, gateway
from client.local.keys import StoredKeys
from client.local.runfile import RunFile
from shared.access import DEFAULT_TENANT, TENANT, KeyLimits, KeyView, Role
from shared.new_keys import NewKey

keys = typer.Typer(name="keys", help="API keys: who may call.", no_args_is_help=True)

_STORE = typer.Option(
    "--store", help="Straight in the store of REDIS_URL, which needs no key; so is done where no gateway is named."
)
Stored = Annotated[bool, _STORE]


@keys.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for.")] = "key",
    role: Annotated[Role, typer.Option()] = Role.SUBMITTER,
    tenant: Annotated[str, typer.Option(help="Whose everything is that it makes.")] = DEFAULT_TENANT,
    days: Annotated[float | None, typer.Option(min=0.001, help="Good for so long; default: for ever.")] = None,
    rate: Annotated[int | None, typer.Option(min=1, help="Requests a minute.")] = None,
    active: Annotated[int | None, typer.Option(min=1, help="Jobs that wait or run.")] = None,
    depth: Annotated[int | None, typer.Option(min=1, help="Jobs that wait.")] = None,
    store: Stored = False,
    url: Url = None,
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Make a key and tell its token: now, and never again."""
    limits = KeyLimits(rate=rate, active=active, depth=depth)
    new = NewKey(name=name, role=role, tenant=_tenant(tenant), days=days, limits=limits)
    if _directly(url, data_dir, asked=store):
        key, token = StoredKeys().create(new)
    else:
        with gateway(url, data_dir) as client:
            made = client.create_key(new)
        key, token = made.key, made.token
    if as_json:
        print_json({"key": key.model_dump(mode="json"), "token": token})
    else:
        typer.echo(token)
        typer.echo(f"key {key.id}, {key.role} of {key.tenant}; it isn't told again", err=True)


@keys.command("list")
def list_keys(
    store: Stored = False, url: Url = None, data_dir: DataDir = DEFAULT, as_json: AsJson = False
) -> None:
    """List keys, without their tokens."""
    if _directly(url, data_dir, asked=store):
        found = StoredKeys().all()
    else:
        with gateway(url, data_dir) as client:
            found = client.keys()
    if as_json:
        print_json(found)
    else:
        show(out(), _table(found), "no keys")


@keys.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="The key's id.")],
    store: Stored = False,
    url: Url = None,
    data_dir: DataDir = DEFAULT,
) -> None:
    """Revoke a key: within seconds nobody is served with it."""
    if _directly(url, data_dir, asked=store):
        StoredKeys().revoke(key_id)
    else:
        with gateway(url, data_dir) as client:
            client.revoke_key(key_id)
    out().print(f"{key_id} is revoked")


def _directly(url: str | None, data_dir: DataDir, *, asked: bool) -> bool:
    if asked:
        return True
    named = "REDIS_URL" in os.environ or "FRAMELANE_REDIS__URL" in os.environ
    return url is None and named and RunFile.read(data_dir) is None


def _tenant(name: str) -> str:
    try:
        return TENANT.validate_python(name)
    except ValueError:
        raise typer.BadParameter("small letters, digits and hyphens, at most 63", param_hint="--tenant") from None


def _table(found: list[KeyView]) -> Table:
    table = plain_table("id", "name", "role", "tenant", "good until")
    for key in found:
        until = key.expires_at.isoformat(timespec="seconds") if key.expires_at else "for ever"
        table.add_row(key.id, key.name, key.role.value, key.tenant, until)
    return table
