"""Messages as Standard Webhooks wants them, checked as a receiver does it."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.ports import Callback
from tests.support.receiver import verify
from workers.webhooks.message import Message, Signer

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
EVENT = '{"type":"state","seq":3,"at_ms":1614265330123,"job_id":"j1","state":"COMPLETED","extra":["ü",1.0]}'


def callback(event: str = EVENT, job_id: str = "j1") -> Callback:
    return Callback(job_id=job_id, url="https://hooks.example/", event=event, tried=0, age_s=0.0)


def test_the_specification_s_own_example():
    signed = Signer(SECRET).sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_body_says_what_happened_when_and_passes_the_event_on():
    message = Message(callback())
    assert json.loads(message.body) == {
        "type": "job.completed",
        "timestamp": "2021-02-25T15:02:10.123Z",
        "data": json.loads(EVENT),
    }
    assert message.id == "msg_j1_3"


@pytest.mark.parametrize("state", ["COMPLETED", "FAILED", "CANCELLED"])
def test_every_end_has_a_type(state):
    message = Message(callback(EVENT.replace("COMPLETED", state)))
    assert json.loads(message.body)["type"] == f"job.{state.lower()}"


def test_id_and_body_stay_the_same_and_the_time_is_the_try_s():
    first, second = Message(callback()), Message(callback())
    signer = Signer(SECRET)
    assert (first.id, first.body) == (second.id, second.body)
    early, late = first.headers(signer, 1_000), second.headers(signer, 2_000)
    assert early["webhook-id"] == late["webhook-id"]
    assert (early["webhook-timestamp"], late["webhook-timestamp"]) == ("1000", "2000")
    assert verify(SECRET, dict(early), first.body, 1_010)
    assert verify(SECRET, dict(late), second.body, 2_010)
    assert not verify(SECRET, dict(early), first.body, 2_010)
    assert early["content-type"] == "application/json"


@given(st.binary(min_size=24, max_size=64), st.text(), st.integers(0, 2**33))
def test_whoever_has_the_secret_can_verify_and_nobody_else(key, note, timestamp):
    secret = "whsec_" + base64.b64encode(key).decode()
    message = Message(callback(json.dumps(json.loads(EVENT) | {"note": note})))
    headers = dict(message.headers(Signer(secret), timestamp))
    assert verify(secret, headers, message.body, timestamp)
    other = "whsec_" + base64.b64encode(bytes([key[0] ^ 1]) + key[1:]).decode()
    assert not verify(other, headers, message.body, timestamp)
    assert not verify(secret, headers, message.body + b" ", timestamp)
    assert not verify(secret, headers | {"webhook-id": "msg_other"}, message.body, timestamp)


@pytest.mark.parametrize(
    "secret",
    [
        "secret-of-ours",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_",
        "whsec_" + base64.b64encode(b"x" * 23).decode(),
        "whsec_" + base64.b64encode(b"x" * 65).decode(),
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa!!",
    ],
)
def test_a_secret_of_another_form_is_refused_without_being_told(secret):
    with pytest.raises(ValueError, match="FRAMELANE_CALLBACKS__SECRET") as caught:
        Signer(secret)
    assert secret not in str(caught.value) or secret == "whsec_"
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("event", ["", "{}", "[]", EVENT.replace("COMPLETED", "LATER")])
def test_what_is_no_event_of_ours_is_no_message(event):
    with pytest.raises(ValueError):
        Message(callback(event))
