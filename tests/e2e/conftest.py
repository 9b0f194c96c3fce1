"""One running system for all stories, with the real models installed."""

from collections.abc import Iterator

import pytest

from client.local import LocalStack
from client.sdk import Framelane
from shared.inputs import Point
from tests.support.models import photo
from tests.support.stacks import data_dir_with_models, stack_on


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """Gateway, Valkey and two workers as processes of their own. Stories leave it as they found it."""
    with stack_on(data_dir_with_models(tmp_path_factory.mktemp("e2e") / "data")) as stack:
        yield stack


@pytest.fixture(scope="session")
def client(stack: LocalStack) -> Iterator[Framelane]:
    with Framelane(stack.url) as client:
        yield client


@pytest.fixture(scope="session")
def hand_points(client: Framelane) -> list[Point]:
    """The 21 points of a real hand."""
    return client.hands(photo("nocurl")).landmarks
