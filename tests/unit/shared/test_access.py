"""Laws of keys, tenants and roles."""

from hypothesis import assume, given
from hypothesis import strategies as st

from shared.access import Role, digest_of, key_id_of, new_token, scoped, unscoped
from shared.access_secrets import weakness
from shared.new_keys import NewKey, made

TENANTS = st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True) | st.just("default")


@given(TENANTS, st.text(max_size=30), TENANTS, st.text(max_size=30))
def test_two_names_never_meet(tenant: str, name: str, other: str, theirs: str) -> None:
    assume((tenant, name) != (other, theirs))
    assert scoped(tenant, name) != scoped(other, theirs)


@given(TENANTS, st.text(max_size=30))
def test_a_name_comes_back_to_its_tenant(tenant: str, name: str) -> None:
    assert unscoped(tenant, scoped(tenant, name)) == name


@given(TENANTS, TENANTS, st.from_regex(r"[A-Za-z0-9._-]{1,20}", fullmatch=True))
def test_and_to_no_other(tenant: str, other: str, name: str) -> None:
    assume(tenant != other)
    assert unscoped(other, scoped(tenant, name)) is None


@given(st.integers(0, 67), st.sampled_from("aB3_-é"))
def test_a_mistyped_token_is_none(place: int, other: str) -> None:
    key_id, token = new_token()
    assert key_id_of(token) == key_id
    mistyped = token[:place] + other + token[place + 1 :]
    assert mistyped == token or key_id_of(mistyped) is None


@given(st.text(max_size=80))
def test_any_text_is_looked_at_without_harm(text: str) -> None:
    assert key_id_of(text) is None
    assert len(digest_of(text)) == 64


def test_a_key_is_kept_without_its_token() -> None:
    key, token = made(NewKey(name="x"))
    assert token not in key.model_dump_json()
    assert "digest" not in key.view().model_dump_json()


def test_each_role_may_what_those_below_it_may() -> None:
    roles = list(Role)
    assert [[role.may(needed) for needed in roles] for role in roles] == [
        [place >= other for other in range(len(roles))] for place in range(len(roles))
    ]


def test_what_is_no_secret() -> None:
    for weak in ("", "short", "a" * 64, "changeme" * 8, "password-password-password-12345678"):
        assert weakness(weak)
    assert not weakness(new_token()[1])
