"""Writes the users that a Redis or Valkey should know: one for each role, with no more rights than it needs.

``python -m deploy.redis_acl --passwords FILE > users.acl``; the server takes it as ``--aclfile users.acl``.
"""

import argparse
import hashlib
import json
import os
import re
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_PREFIX = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_SHORTEST = 16

_WORK = (
    "+@read +@write +@connection +@transaction +@pubsub +@stream +eval +evalsha +script|load +script|exists "
    "+waitaof +brpop +time "
    "-@dangerous +info -@admin -sort -sort_ro -randomkey -scan -migrate -restore -dump"
)
"""What job stores and the broker do. Deleting everything, listing keys and changing the server isn't in it."""
_CHANNELS = ("celery.pidbox", "reply.celery.pidbox", "celeryev/*", "celeryev/worker.*", "celeryev/task.*")
"""Those that Celery listens to, as patterns: rights to one are rights to no narrower one."""
_AUDIT = "(~{p}:audit -@all +xadd +xtrim +xrevrange +xlen)"
_ASK_WORKERS = (
    "~{p}:broker:_kombu* ~{p}:broker:*celery.pidbox* ~{p}:broker:celeryev* {c} -@all "
    "+@read +@write +@connection +@transaction +@pubsub +brpop +script|load +script|exists "
    "+evalsha +time -@dangerous +info -@admin"
)
_COPY = (
    # The channels: a job that ran waits again and says so; who listens is no reason to be disturbed.
    "~{p}:* &{p}:events -@all +@connection +@transaction +@read +@write +eval +evalsha +scan +time +publish "
    "-@dangerous +restore +info +pubsub|channels -@admin -flushall -flushdb -swapdb -migrate -sort"
)

ROLES: Mapping[str, tuple[str, ...]] = {
    # Adding to the audit log and cutting its old end, but not removing it, or an entry.
    "gateway": (f"~{{p}}:[^a]* ~{{p}}:active* &{{p}}:* &{{p}}:events* {{c}} -@all {_WORK}", _AUDIT),
    # Neither the audit log nor the keys of callers.
    "worker": (f"~{{p}}:[^ak]* ~{{p}}:active* &{{p}}:* &{{p}}:events* {{c}} -@all {_WORK}",),
    # The broker alone, and of it only what Flower needs to ask workers and to hear them.
    "flower": (_ASK_WORKERS, "(%R~{p}:broker:* -@all +llen +exists +type)"),
    # What asks how many jobs wait in a lane, to start workers: it does so with a script.
    "scaler": ("~{p}:pending:* -@all +@connection -@dangerous +eval +evalsha +type +zcard +scard +llen +hlen",),
    # ``framelane backup`` and ``restore``.
    "backup": (_COPY,),
}


def lines(prefix: str, passwords: Mapping[str, str], db: int = 0) -> list[str]:
    """The file's; of passwords their sha256. Raises ValueError for a prefix or a password that won't do."""
    if not _PREFIX.match(prefix):
        msg = f"a prefix of letters, digits, - and _ is needed, not {prefix!r}: others mean something in a pattern"
        raise ValueError(msg)
    short = [role for role in ROLES if len(passwords[role]) < _SHORTEST]
    if short:
        msg = f"passwords of at least {_SHORTEST} characters are needed for: {', '.join(short)}"
        raise ValueError(msg)
    secret = {role: f"#{hashlib.sha256(passwords[role].encode()).hexdigest()}" for role in ROLES}
    return list(users(prefix, secret, str(db)))


def users(prefix: str, secret: Mapping[str, str], db: str) -> Iterator[str]:
    """A line for each, by what stands for its secret: ``#`` and a hash, or ``>`` and the password."""
    listened = " ".join((f"&{prefix}:broker:*", *(f"&{prefix}:broker:/{db}.{name}" for name in _CHANNELS)))
    yield "user default reset off"
    for role, rights in ROLES.items():
        may = " ".join(rights).replace("{p}", prefix).replace("{c}", listened)
        yield f"user {role} reset on {secret[role]} sanitize-payload {may}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the file; make passwords if there are none yet."""
    parser = argparse.ArgumentParser(prog="redis_acl", description=__doc__)
    parser.add_argument("--prefix", default="framelane", help="FRAMELANE_REDIS__PREFIX")
    parser.add_argument(
        "--passwords", type=Path, required=True, help="JSON, a password for each role; made if it isn't there"
    )
    parser.add_argument("--db", type=int, default=0, help="the number behind the broker's URL")
    given = parser.parse_args(arguments)
    try:
        sys.stdout.write("\n".join(lines(given.prefix, _passwords(given.passwords), given.db)) + "\n")
    except (ValueError, KeyError) as error:
        parser.error(str(error))
    return 0


def _passwords(file: Path) -> dict[str, str]:
    if file.exists():
        return json.loads(file.read_text("utf-8"))
    made = {role: secrets.token_urlsafe(32) for role in ROLES}
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        json.dump(made, out, indent=2)
    return made


if __name__ == "__main__":
    sys.exit(main())
