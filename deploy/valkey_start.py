"""Makes the script that starts the Valkey of Compose and of the Helm chart: ``python -m deploy.valkey_start``."""

from pathlib import Path

from deploy.redis_acl import ROLES, users

ROOT = Path(__file__).parents[1]
TARGETS = (ROOT / "deploy" / "valkey" / "start.sh", ROOT / "helm" / "framelane" / "files" / "valkey-start.sh")

PASSWORDS = {role: f"{role.upper()}_PASSWORD" for role in ROLES}
"""The variable with each user's password. ``VALKEYCLI_AUTH`` has that of ``admin``, who may do everything."""

_SCRIPT = """\
#!/bin/sh
# Made by `make contracts` from deploy/redis_acl.py; don't edit. Starts Valkey with a user for each of our parts.
#   {names}  their passwords
#   VALKEYCLI_AUTH  the password of admin, for people and the health check
#   PREFIX  FRAMELANE_REDIS__PREFIX        DATABASE  number of the database
#   MAXMEMORY, APPENDFSYNC  as in valkey.conf        RUN  a folder that is gone with the container
#   DATA (/data), PORT (6379)
# No password stands on a command line.
set -eu
umask 077
case ${{PREFIX:?}} in
  *[!A-Za-z0-9_-]*)
    echo "FRAMELANE_REDIS__PREFIX is $PREFIX: only letters, digits, - and _ mean nothing in a pattern of keys" >&2
    exit 78
    ;;
esac
: {needed}
cat >"$RUN/users.acl" <<END
{users}
user admin reset on >$VALKEYCLI_AUTH ~* &* +@all
END
cat >"$RUN/valkey.conf" <<END
aclfile $RUN/users.acl
appendonly yes
appendfsync $APPENDFSYNC
save ""
maxmemory $MAXMEMORY
maxmemory-policy noeviction
dir ${{DATA:-/data}}
port ${{PORT:-6379}}
END
exec valkey-server "$RUN/valkey.conf"
"""


def rendered() -> str:
    """The script."""
    needed = [*PASSWORDS.values(), "VALKEYCLI_AUTH"]
    known = users("$PREFIX", {role: f">${name}" for role, name in PASSWORDS.items()}, "$DATABASE")
    return _SCRIPT.format(
        names=", ".join(PASSWORDS.values()),
        needed=" ".join(f'"${{{name}:?}}"' for name in needed),
        users="\n".join(known),
    )


if __name__ == "__main__":
    for target in TARGETS:
        target.parent.mkdir(exist_ok=True)
        target.write_text(rendered(), "utf-8")
