"""Links and keys: only what was signed, only in time, only where it belongs."""

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from shared.adapters.keys import checked_key
from shared.adapters.links import PATH, LinkSigner, attachment

keys = st.from_regex(r"[A-Za-z0-9._-]{1,9}(/[A-Za-z0-9._-]{1,9}){0,3}", fullmatch=True).filter(
    lambda key: not {".", ".."} & set(key.split("/"))
)


class Clock:
    now = 1_000_000.5

    def __call__(self) -> float:
        return self.now


def opened(signer: LinkSigner, link: str) -> str:
    parts = urlsplit(link)
    assert parts.path.startswith(PATH)
    return signer.check(unquote(parts.path.removeprefix(PATH)), parts.query)


@given(keys, st.text(), st.integers(1, 900))
def test_a_link_opens_with_its_filename_until_its_time(key: str, name: str, seconds: int):
    clock = Clock()
    signer = LinkSigner(SecretStr("secret"), clock)
    link = signer.link(key, seconds, name)

    clock.now += seconds - 1
    assert opened(signer, link) == name
    assert opened(LinkSigner(SecretStr("secret"), clock), link) == name

    clock.now += 1
    with pytest.raises(PermissionError):
        opened(signer, link)


@given(keys, st.text(max_size=5), keys, st.text(max_size=5))
def test_another_key_name_or_secret_stays_shut(key: str, name: str, other_key: str, other_name: str):
    signer = LinkSigner(SecretStr("secret"), Clock())
    expires, signature = "1000060", signer._sign(key, "1000060", name)
    assert signer.verify(key, expires, name, signature)
    assert signer.verify(other_key, expires, other_name, signature) is ((other_key, other_name) == (key, name))
    assert not LinkSigner(SecretStr("Secret"), Clock()).verify(key, expires, name, signature)
    assert not signer.verify(key, "1000061", name, signature)


def test_parts_can_not_be_moved_from_one_field_to_the_next():
    signer = LinkSigner(SecretStr("secret"), Clock())
    signature = signer._sign("a", "1000060", "1000060\nb")
    assert not signer.verify("a\n1000060", "1000060", "b", signature)


@given(st.text(max_size=50))
def test_any_other_query_is_refused(query: str):
    with pytest.raises(PermissionError):
        LinkSigner(SecretStr("secret")).check("a", query)


def test_without_a_secret_each_process_has_its_own():
    assert LinkSigner(SecretStr(""))._sign("a", "1", "b") != LinkSigner(SecretStr(""))._sign("a", "1", "b")


@given(keys)
def test_keys_of_ours(key: str):
    assert checked_key(key) == key


@given(st.text(max_size=12))
def test_a_key_never_leaves_its_folder(key: str):
    try:
        checked_key(key)
    except ValueError:
        return
    assert not {"", ".", ".."} & set(key.split("/"))
    assert key.isascii()
    assert "\\" not in key


@given(st.text())
def test_a_filename_never_ends_its_header(name: str):
    value = attachment(name)
    assert value.isascii()
    assert not set('"\r\n;') & set(value.removeprefix("attachment; "))
    assert unquote(value.removeprefix("attachment; filename*=UTF-8''")) == name
