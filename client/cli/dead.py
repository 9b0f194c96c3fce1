"""Commands about jobs that died."""

from itertools import islice
from typing import Annotated

import typer

from client.cli import specs
from client.cli.output import JOB_FAILED, OK, WrongUsage, complain, out, print_json
from client.cli.render import dead_table, show
from client.cli.target import DEFAULT, AsJson, DataDir, Url, gateway
from client.sdk import ApiProblem, Framelane
from shared.dead import NotRequeued, RequeuedJob, RequeueList
from shared.jobs import ErrorInfo

_GATEWAY_AWAY = 503


def dead(
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    url: Url = None,
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """List jobs that failed as poison or after their last attempt, newest first."""
    with gateway(url, data_dir) as client:
        found = list(islice(client.dead(), limit))
    if as_json:
        print_json(found)
    else:
        show(out(), dead_table(found), "no job is dead")


def requeue(
    job_ids: Annotated[list[str] | None, typer.Argument(help="Jobs that failed.", metavar="[ID]...")] = None,
    every: Annotated[bool, typer.Option("--all", help="All that are dead and match.")] = False,
    kind: Annotated[str | None, typer.Option(help="With --all.")] = None,
    label: Annotated[list[str] | None, typer.Option(help="With --all: NAME=VALUE; may be repeated.")] = None,
    url: Url = None,
    data_dir: DataDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Bring back jobs that failed, each as one new job however often it is asked; exit code 1 if one can't be."""
    ids = job_ids or []
    if bool(ids) == every:
        msg = "give the ids of jobs, or --all"
        raise WrongUsage(msg)
    if ids and (kind or label):
        msg = "--kind and --label go with --all"
        raise WrongUsage(msg)
    labels = dict(specs.split_pair(each, "--label") for each in label or ())
    with gateway(url, data_dir) as client:
        done = client.requeue_all(kind=kind, labels=labels) if every else _each(client, ids)
    if as_json:
        print_json(done)
    else:
        _tell(done)
    raise typer.Exit(JOB_FAILED if done.failed else OK)


def _each(client: Framelane, job_ids: list[str]) -> RequeueList:
    requeued: list[RequeuedJob] = []
    failed: list[NotRequeued] = []
    for job_id in job_ids:
        try:
            requeued.append(RequeuedJob(id=job_id, job=client.requeue(job_id).id))
        except ApiProblem as problem:
            if problem.status == _GATEWAY_AWAY:
                raise
            why = ErrorInfo(code=problem.code, title=problem.title, detail=problem.detail)
            failed.append(NotRequeued(id=job_id, error=why))
    return RequeueList(requeued=requeued, failed=failed, next_cursor=None)


def _tell(done: RequeueList) -> None:
    for each in done.requeued:
        out().print(f"{each.id} is tried again as {each.job}", soft_wrap=True)
    for each in done.failed:
        complain(f"{each.id}: {each.error.detail or each.error.title} ({each.error.code})")
    if not done.requeued and not done.failed:
        out().print("no job is dead, or none that matches")
