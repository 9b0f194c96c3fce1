"""``framelane up``: the whole system on this machine until Ctrl-C."""

import os
import signal
import sys
from types import FrameType
from typing import Annotated

import typer
from rich.markup import escape

from client.cli.output import WrongUsage, out, print_json
from client.cli.target import DEFAULT, DataDir
from client.local import LocalStack
from client.local.lanes import PIPELINES, why_no_pipelines
from client.local.logs import ConsoleLog


class _Interrupts:
    """The first signal ends the waiting, whatever it is for; further ones make the stop short."""

    def __init__(self, stack: LocalStack) -> None:
        self._stack = stack
        self._stopping = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self)

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        if self._stopping:
            self._stack.kill()
            return
        self._stopping = True
        raise KeyboardInterrupt


def up(
    host: Annotated[str, typer.Option(help="Address the gateway listens on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes a free one.")] = 0,
    data_dir: DataDir = DEFAULT,
    lanes: Annotated[
        str | None,
        typer.Option(
            help="One worker each; default: cpu,io, one for each GPU and NPU and, where GStreamer is, cpu.long."
        ),
    ] = None,
    gateway_workers: Annotated[
        int, typer.Option(min=1, help="Processes of the gateway, which share its port.")
    ] = 1,
    flower: Annotated[
        bool, typer.Option("--flower", help="Also start Flower, with a login made for this run.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="When ready: one line of JSON on stdout.")] = False,
) -> None:
    """Start gateway, workers and an embedded Valkey; REDIS_URL and S3 settings replace what is embedded.

    Ctrl-C stops everything in order, a second Ctrl-C at once. The log goes to stderr.
    """
    log = ConsoleLog(sys.stderr)
    names = None if lanes is None else tuple(name.strip() for name in lanes.split(",") if name.strip())
    try:
        stack = LocalStack(
            data_dir,
            lanes=names,
            host=host,
            port=port,
            flower=flower,
            log=log,
            gateway_workers=gateway_workers,
        )
    except ValueError as error:
        raise WrongUsage(str(error)) from error
    _Interrupts(stack)
    try:
        with stack:
            _announce(stack, as_json=as_json)
            if lanes is None and not as_json:
                _say_what_is_missing(stack)
            stack.wait()
    except KeyboardInterrupt:
        return


def _say_what_is_missing(stack: LocalStack) -> None:
    if PIPELINES not in stack.lanes and (why := why_no_pipelines(os.environ)):
        out().print(f"[dim]no lane for pipelines: {escape(why)}[/]", soft_wrap=True)


def _announce(stack: LocalStack, *, as_json: bool) -> None:
    if as_json:
        flower = dict(zip(("url", "user", "password"), stack.flower, strict=True)) if stack.flower else None
        print_json({"url": stack.url, "pid": os.getpid(), "pids": stack.pids(), "flower": flower})
        return
    out().print(
        f"[bold green]ready[/] in {stack.ready_s:.1f} s: [bold]{stack.url}[/]   "
        f"docs: {stack.url}/docs   stop: Ctrl-C",
        soft_wrap=True,
    )
    if stack.made_key:
        out().print(f"administrator's key, told this once: {stack.made_key}", soft_wrap=True)
    if stack.flower:
        address, user, password = stack.flower
        out().print(f"Flower: {address}   user {user}, password {password}", soft_wrap=True)
