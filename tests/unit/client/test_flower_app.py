"""Flower doesn't start for everybody."""

import pytest

from client.local.flower_app import refusal

LOGIN = {"FLOWER_BASIC_AUTH": "ann:long-enough-a-password"}


@pytest.mark.parametrize(
    "login", [LOGIN, {"FLOWER_BASIC_AUTH": "ann:long-enough-a-password,bob:another-such-word"}]
)
def test_with_a_login_it_may(login: dict[str, str]) -> None:
    assert refusal(["--address=0.0.0.0", "--port=5555"], login) is None


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [
        ([], {}),
        ([], {"FLOWER_BASIC_AUTH": ""}),
        ([], {"FLOWER_BASIC_AUTH": "ann"}),
        ([], {"FLOWER_BASIC_AUTH": "ann:short"}),
        ([], {"FLOWER_BASIC_AUTH": "ann:long-enough-a-password,bob:x"}),
        ([], LOGIN | {"FLOWER_UNAUTHENTICATED_API": "true"}),
        (["--unauthenticated-api"], LOGIN),
        (["--unauthenticated_api=True"], LOGIN),
        (["--basic-auth=a:on-a-command-line"], LOGIN),
        (["--conf=mine.py"], LOGIN),
    ],
)
def test_without_one_it_says_what_to_set(arguments: list[str], environ: dict[str, str]) -> None:
    said = refusal(arguments, environ)
    assert said is not None
    assert "FLOWER_BASIC_AUTH" in said
