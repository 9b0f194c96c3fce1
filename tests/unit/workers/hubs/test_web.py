"""Files at addresses: real servers, with and without TLS."""

import socket
import threading
import time

import pytest

from shared.errors import JobCancelled, OutOfSpace, SourceRefused, SourceUnavailable, WorkerLeaves
from shared.settings import SourceSettings
from shared.sources import UrlSource
from tests.support.https import Ranged, have_openssl, http_server, https_server, redirect, send
from tests.support.hubs import Readings, tools
from workers.hubs import transfer
from workers.hubs.http import Getter
from workers.hubs.web import WebHub

CONTENT = bytes(range(256)) * 8_000
HALF = len(CONTENT) // 2


@pytest.fixture
def serve():
    opened = []

    def start(answers):
        opened.append(http_server(answers))
        return opened[-1].__enter__()

    yield start
    for manager in opened:
        manager.__exit__(None, None, None)


@pytest.fixture
def fetch(tmp_path):
    """Fetches into ``file``; what is kept between calls stays."""

    def run(url, meter=None, **options):
        return WebHub(tools(tmp_path, **options)).fetch(UrlSource(url=url), tmp_path / "file", meter or Readings())

    return run


def kept(folder):
    return [path.name for path in (folder / "partial").glob("*")]


def test_a_file_is_streamed_with_its_progress_in_bytes(fetch, serve, tmp_path):
    url = serve({"/model.bin": send(CONTENT)})
    readings = Readings()
    assert fetch(f"{url}/model.bin", readings).name == f"{url}/model.bin"
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert readings.seen[0] == (0, len(CONTENT))
    assert readings.seen[-1] == (len(CONTENT), len(CONTENT))
    assert readings.seen == sorted(readings.seen)
    assert kept(tmp_path) == []


def test_a_redirection_is_followed(fetch, serve, tmp_path):
    url = serve({"/old": redirect("/new"), "/new": send(b"moved")})
    fetch(f"{url}/old")
    assert (tmp_path / "file").read_bytes() == b"moved"


def test_redirections_in_a_circle_end(fetch, serve):
    url = serve({"/round": redirect("/round")})
    with pytest.raises(SourceUnavailable, match=r"[Rr]edirect"):
        fetch(f"{url}/round")


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("http://169.254.169.254/latest/meta-data", "isn't https"),
        ("https://169.254.169.254/latest/meta-data", "isn't a host that files may come from"),
        ("https://elsewhere.test/file", "isn't a host that files may come from"),
        ("http://127.0.0.2:{port}/secret", "isn't https"),
        ("https://[::ffff:10.0.0.1]/secret", "isn't a host"),
        ("file:///etc/passwd", "no host"),
        ("ftp://huggingface.co/file", "ftp isn't https"),
    ],
)
def test_where_a_redirection_leads_is_judged_anew(fetch, serve, place, why):
    asked = []
    canary = serve({"/secret": lambda request: asked.append(request.path)})
    url = serve({"/old": redirect(place.format(port=canary.rpartition(":")[2]))})
    with pytest.raises(SourceRefused, match=why):
        fetch(f"{url}/old")
    assert asked == []


def test_an_address_that_is_not_public_is_refused_whatever_its_name():
    """The name is on the list, and its first answer is public: what counts is what is called."""
    answers = iter([["93.184.216.34", "10.0.0.1"], ["127.0.0.1"]])
    asked = []

    def resolve(host, port):
        asked.append(host)
        return [(socket.AF_INET, (address, port)) for address in next(answers)]

    settings = SourceSettings(hosts=["models.test"], private_hosts=[])
    getter = Getter(settings, resolve=resolve)
    for _ in range(2):
        with pytest.raises(SourceRefused, match="isn't public"), getter.get("https://models.test/x", {}, list):
            pytest.fail("it was called")
    assert asked == ["models.test"] * 2, "looked up once each: a name that flips meanwhile changes nothing"


@pytest.mark.parametrize("status", [404, 403, 500, 503])
def test_an_error_status_says_which(fetch, serve, status):
    url = serve({"/model.bin": send(b"no", status=status)})
    with pytest.raises(SourceUnavailable, match=f"/model.bin: {status}"):
        fetch(f"{url}/model.bin")


def test_a_transfer_that_breaks_off_is_no_file(fetch, serve, tmp_path):
    url = serve({"/short": send(b"half", announced=8)})
    with pytest.raises(SourceUnavailable, match="/short: it ended after 4 of 8 bytes"):
        fetch(f"{url}/short")
    assert not (tmp_path / "file").exists()
    assert kept(tmp_path) == [], "there is nothing to know it again by"


def test_a_transfer_that_breaks_off_goes_on_where_it_was(fetch, serve, tmp_path):
    file = Ranged(CONTENT, stop_at=[HALF, HALF + 1_000])
    url = serve({"/file": file})
    readings = Readings()
    assert fetch(f"{url}/file", readings).resumed
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert file.asked == [(None, None), (f"bytes={HALF}-", '"v1"'), (f"bytes={HALF + 1_000}-", '"v1"')]
    assert readings.seen == sorted(readings.seen)


def test_a_later_attempt_goes_on_where_an_earlier_one_was(fetch, serve, tmp_path):
    class Leave(Readings):
        def transferred(self, done, total):
            super().transferred(done, total)
            if done >= HALF:
                raise WorkerLeaves

    file = Ranged(CONTENT)
    url = serve({"/file": file})
    leaving, readings = Leave(), Readings()
    with pytest.raises(WorkerLeaves):
        fetch(f"{url}/file", leaving)
    at = leaving.seen[-1][0]
    fetch(f"{url}/file", readings)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert file.asked[1:] == [(f"bytes={at}-", '"v1"')]
    assert readings.seen[0] == (at, len(CONTENT))
    assert kept(tmp_path) == []


def test_a_file_that_changed_meanwhile_comes_from_its_beginning(fetch, serve, tmp_path):
    file = Ranged(CONTENT, stop_at=[HALF, HALF])
    url = serve({"/file": file})
    file.headers["X"] = "1"
    newer = CONTENT[::-1]

    class Change(Readings):
        def transferred(self, done, total):
            if done >= HALF and file.content is CONTENT:
                file.content, file.tag, file.stop_at = newer, '"v2"', []

    assert not fetch(f"{url}/file", Change()).resumed
    assert (tmp_path / "file").read_bytes() == newer


@pytest.mark.parametrize("tag", [None, 'W/"v1"'])
def test_what_cannot_be_known_again_is_not_gone_on_with(fetch, serve, tmp_path, tag):
    file = Ranged(CONTENT, tag=tag, stop_at=[HALF])
    url = serve({"/file": file})
    with pytest.raises(SourceUnavailable, match="it ended after"):
        fetch(f"{url}/file")
    fetch(f"{url}/file")
    assert file.asked == [(None, None), (None, None)]
    assert (tmp_path / "file").read_bytes() == CONTENT


def lies(start, total):
    def answer(request):
        request.send_response(206 if request.headers["Range"] else 200)
        request.send_header("ETag", '"v1"')
        if request.headers["Range"]:
            request.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        request.send_header("Content-Length", str(len(CONTENT)))
        request.end_headers()
        request.wfile.write(CONTENT if answer.patience < 1 else CONTENT[:HALF])
        answer.patience -= 1
        request.close_connection = True

    answer.patience = 1
    return answer


def test_another_part_than_was_asked_for_is_not_taken(fetch, serve, tmp_path):
    """The server says 206 for the second request, but with a part that nobody asked for."""
    url = serve({"/file": lies(7, len(CONTENT))})
    fetch(f"{url}/file")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_file_no_longer_there_in_that_length_comes_anew(fetch, serve, tmp_path):
    def answer(request):
        if request.headers["Range"]:
            return send(b"", status=416)(request)
        file.stop_at = [HALF] if not file.asked else []
        return file(request)

    file = Ranged(CONTENT)
    fetch(serve({"/file": answer}) + "/file")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_nothing_of_a_cancelled_transfer_stays(fetch, serve, tmp_path):
    class Cancelled:
        def transferred(self, done, total):
            if done:
                raise JobCancelled

    url = serve({"/model.bin": Ranged(CONTENT)})
    with pytest.raises(JobCancelled):
        fetch(f"{url}/model.bin", Cancelled())
    assert kept(tmp_path) == []


def test_a_silent_server_is_left_within_a_second_of_the_cancel(fetch, serve, tmp_path):
    silent, cancelled = threading.Event(), threading.Event()

    def answer(request):
        request.send_response(200)
        request.send_header("Content-Length", "8")
        request.end_headers()
        request.wfile.write(b"half")
        cancelled.set()
        silent.wait(60)

    class Cancelled:
        def transferred(self, done, total):
            if cancelled.is_set() and done:
                raise JobCancelled

    url = serve({"/silent": answer})
    begun = time.monotonic()
    try:
        with pytest.raises(JobCancelled):
            fetch(f"{url}/silent", Cancelled())
        assert time.monotonic() - begun < 20
    finally:
        silent.set()


def test_a_server_that_falls_silent_is_given_up(fetch, serve):
    silent = threading.Event()

    def answer(request):
        silent.wait(30)

    url = serve({"/silent": answer})
    try:
        with pytest.raises(SourceUnavailable, match="it fell silent"):
            fetch(f"{url}/silent", silence_s=0.1)
    finally:
        silent.set()


@pytest.mark.parametrize("words", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b""])
def test_a_head_that_drips_is_given_up_and_can_be_cancelled(fetch, serve, words):
    def drip(request):
        request.wfile.write(words)
        while not over.wait(0.02):
            request.wfile.write(b"H")

    over, url = threading.Event(), serve({"/drip": drip})
    asked = Readings()
    try:
        with pytest.raises(SourceUnavailable, match="it fell silent"):
            fetch(f"{url}/drip", asked, silence_s=0.8)
        assert len(asked.seen) > 1
    finally:
        over.set()


def test_what_is_called_is_what_was_looked_at():
    """And the server is told the name."""
    hosts = []

    def answer(request):
        hosts.append(request.headers["Host"])
        send(b"here")(request)

    with http_server({"/x": answer}) as url:
        port = url.rpartition(":")[2]
        settings = SourceSettings(private_hosts=["models.test"])
        getter = Getter(settings, resolve=lambda _host, port: [(socket.AF_INET, ("127.0.0.1", port))])
        with getter.get(f"http://models.test:{port}/x", {}, list) as response:
            assert response.read() == b"here"
    assert hosts == [f"models.test:{port}"]


def unannounced(request):
    request.send_response(200)
    request.end_headers()
    request.wfile.write(CONTENT)


@pytest.mark.parametrize("answer", [send(b"", announced=1 << 40), unannounced, Ranged(CONTENT)])
def test_a_file_that_is_too_large_is_refused(fetch, serve, tmp_path, answer):
    url = serve({"/endless": answer})
    with pytest.raises(
        SourceUnavailable, match=r"/endless: more than 1000000 bytes .FRAMELANE_SOURCES__FILE_BYTES"
    ):
        fetch(f"{url}/endless", file_bytes=1_000_000)
    assert not (tmp_path / "file").exists()
    assert kept(tmp_path) == []


def test_a_disk_that_would_be_full_is_told_before_anything_comes(fetch, serve, tmp_path):
    url = serve({"/file": Ranged(CONTENT)})
    with pytest.raises(OutOfSpace, match=f"needs {len(CONTENT)} bytes more, .*FRAMELANE_SOURCES__FREE_BYTES"):
        fetch(f"{url}/file", free_bytes=1 << 60)
    assert kept(tmp_path) == []


def test_the_disk_is_looked_at_while_a_file_grows(fetch, serve, tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "_LOOK_BYTES", 1_000)
    frees = iter([1 << 40, 0])
    monkeypatch.setattr("workers.hubs.room.shutil.disk_usage", lambda _folder: Usage(next(frees)))
    url = serve({"/file": unannounced})
    with pytest.raises(OutOfSpace):
        fetch(f"{url}/file")
    assert kept(tmp_path) == []


class Usage:
    def __init__(self, free):
        self.free = free


def test_a_quota_holds_for_all_files_of_a_job(serve, tmp_path):
    url = serve({"/file": send(b"x" * 600)})
    hub = WebHub(tools(tmp_path, quota_left=1_000))
    hub.fetch(UrlSource(url=f"{url}/file?a"), tmp_path / "a", Readings())
    with pytest.raises(OutOfSpace, match=r"1200 bytes, 1000 are left .*FRAMELANE_MODELS__QUOTA_BYTES"):
        hub.fetch(UrlSource(url=f"{url}/file?b"), tmp_path / "b", Readings())


def test_a_packed_file_is_not_taken_for_the_file(fetch, serve):
    url = serve({"/file": Ranged(CONTENT, headers={"Content-Encoding": "gzip"})})
    with pytest.raises(SourceUnavailable, match="packed"):
        fetch(f"{url}/file")


def test_two_at_once_take_turns(fetch, serve, tmp_path):
    """The same source in two threads: both have it whole in the end."""
    file = Ranged(CONTENT, stop_at=[HALF, HALF + 1])
    url = serve({"/file": file})
    hub = WebHub(tools(tmp_path))
    threads = [
        threading.Thread(target=hub.fetch, args=(UrlSource(url=f"{url}/file"), tmp_path / name, Readings()))
        for name in "ab"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == CONTENT
    assert kept(tmp_path) == []


def test_nobody_there(fetch):
    with pytest.raises(SourceUnavailable, match=r"127\.0\.0\.1:1 can't be reached"):
        fetch("https://127.0.0.1:1/file")


tls = pytest.mark.skipif(not have_openssl(), reason="openssl isn't installed, so no certificate can be made")


@pytest.fixture(scope="module")
def safe(tmp_path_factory):
    with https_server(tmp_path_factory.mktemp("https"), {"/file": Ranged(CONTENT, stop_at=[HALF])}) as server:
        yield server


@tls
def test_a_file_over_tls(fetch, safe, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(safe.certificate))
    assert fetch(f"{safe.url}/file").resumed
    assert (tmp_path / "file").read_bytes() == CONTENT


@tls
def test_a_certificate_that_nobody_vouches_for_is_refused(fetch, safe):
    with pytest.raises(SourceUnavailable, match=r"(?i)certificate"):
        fetch(f"{safe.url}/file")
