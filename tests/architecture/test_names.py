"""Our four plain package names must be nobody else's in the environment we install into."""

from importlib.metadata import distributions

WINGS = {"api", "workers", "shared", "client"}


def test_no_other_distribution_owns_our_package_names() -> None:
    owners = {
        (distribution.metadata["Name"], file.parts[0])
        for distribution in distributions()
        for file in distribution.files or ()
        if file.parts[0] in WINGS and len(file.parts) > 1
    }
    assert {name for name, _ in owners} <= {"framelane"}
