"""The whole system on one machine, started by this process."""

from client.local.environment import CannotStart
from client.local.runfile import AlreadyRunning, RunFile
from client.local.stack import LocalStack
from client.local.supervisor import StackFailed

__all__ = ["AlreadyRunning", "CannotStart", "LocalStack", "RunFile", "StackFailed"]
