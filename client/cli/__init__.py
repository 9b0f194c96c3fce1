"""The command line: ``framelane``."""

from client.cli.app import app, main

__all__ = ["app", "main"]
