"""Who calls: found once for each request or socket, known to everything that is done for it."""

from contextvars import ContextVar
from dataclasses import dataclass

from shared.access import DEFAULT_TENANT, KeyLimits, Role, is_default
from shared.access_errors import Forbidden, Unauthenticated

_DOT = "."
NO_LIMITS = KeyLimits()


@dataclass(frozen=True, slots=True)
class Caller:
    """``name``: of the key or subject, for counts and logs; empty: nobody was asked for one.

    ``tenant``: whose everything is that the caller makes; ``sees``: whose may be seen, None: everybody's.
    ``role`` is None for who may have open pages and nothing else.
    """

    name: str
    role: Role | None
    tenant: str = DEFAULT_TENANT
    sees: str | None = DEFAULT_TENANT
    limits: KeyLimits = NO_LIMITS

    @property
    def oversees(self) -> str | None:
        """Whose doings may be seen, by a role that may: those of the own tenant; of ``default`` all, None."""
        return None if is_default(self.tenant) else self.tenant

    def must_be(self, needed: Role) -> None:
        """Raises Forbidden, Unauthenticated."""
        if self.role is None:
            raise Unauthenticated
        if not self.role.may(needed):
            raise Forbidden(f"this needs the role {needed} or above; yours is {self.role}")


ANYBODY = Caller("", Role.ADMIN, sees=None)
"""The caller where nobody is asked who calls: this machine's users, all as one."""
STRANGER = Caller("", None, sees="")
"""The caller of an open page who said no name."""

CALLER: ContextVar[Caller] = ContextVar("framelane_caller")
"""Set for each request and socket by ``api.access``. Nobody is the caller of what no request asked for: reading it
there is a LookupError, so that what forgets to say for whom it works sees nothing instead of everything."""


def own_session(session_id: str) -> str:
    """How a session of the caller's is called in stores, keys and messages; law: of two tenants no two alike.

    Sessions of the default tenant are called as callers call them.
    """
    tenant = caller().tenant
    bare = session_id.replace(_DOT, "")
    return bare if is_default(tenant) else f"{tenant}{_DOT}{bare}"


def told_session(session_id: str) -> str:
    """The same as its callers call it."""
    return session_id.rpartition(_DOT)[2]


def must_oversee() -> None:
    """What concerns all tenants is for callers of the default one. Raises Forbidden."""
    if caller().oversees is not None:
        raise Forbidden(f"this is everybody's: it is for callers of the tenant {DEFAULT_TENANT}")


def caller() -> Caller:
    """Who calls. Raises LookupError outside of requests."""
    return CALLER.get()
