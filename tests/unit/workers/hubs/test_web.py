import pytest

from shared.errors import JobCancelled, SourceUnavailable
from shared.sources import UrlSource
from tests.support.https import have_openssl, https_server, redirect, send
from workers.hubs import web
from workers.hubs.web import WebHub

pytestmark = pytest.mark.skipif(
    not have_openssl(), reason="openssl isn't installed, so no certificate can be made"
)

CONTENT = bytes(range(256)) * 8_000


class Readings:
    def __init__(self):
        self.seen: list[tuple[int, int | None]] = []

    def transferred(self, done, total):
        self.seen.append((done, total))


@pytest.fixture
def serve(tmp_path_factory, monkeypatch):
    opened = []

    def start(answers):
        manager = https_server(tmp_path_factory.mktemp("https"), answers)
        server = manager.__enter__()
        opened.append(manager)
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        return server.url

    yield start
    for manager in opened:
        manager.__exit__(None, None, None)


def test_a_file_is_streamed_with_its_progress_in_bytes(serve, tmp_path):
    url = serve({"/model.bin": send(CONTENT)})
    readings = Readings()
    WebHub().fetch(UrlSource(url=f"{url}/model.bin"), tmp_path / "model.bin", readings)
    assert (tmp_path / "model.bin").read_bytes() == CONTENT
    assert readings.seen[-1] == (len(CONTENT), len(CONTENT))
    assert len(readings.seen) > 1
    assert readings.seen == sorted(readings.seen)


def test_a_redirection_is_followed(serve, tmp_path):
    url = serve({"/old": redirect("/new"), "/new": send(b"moved")})
    WebHub().fetch(UrlSource(url=f"{url}/old"), tmp_path / "file", Readings())
    assert (tmp_path / "file").read_bytes() == b"moved"


def test_a_redirection_away_from_https_is_refused(serve, tmp_path):
    url = serve({"/old": redirect("http://127.0.0.1:9/new")})
    with pytest.raises(SourceUnavailable, match="not an https address"):
        WebHub().fetch(UrlSource(url=f"{url}/old"), tmp_path / "file", Readings())


def test_redirections_in_a_circle_end(serve, tmp_path):
    url = serve({"/round": redirect("/round")})
    with pytest.raises(SourceUnavailable, match=r"[Rr]edirect"):
        WebHub().fetch(UrlSource(url=f"{url}/round"), tmp_path / "file", Readings())


def test_an_error_status_says_which(serve, tmp_path):
    url = serve({})
    with pytest.raises(SourceUnavailable, match="404"):
        WebHub().fetch(UrlSource(url=f"{url}/model.bin"), tmp_path / "file", Readings())


def test_a_transfer_that_breaks_off_is_no_file(serve, tmp_path):
    url = serve({"/short": send(b"half", announced=8)})
    with pytest.raises(SourceUnavailable, match="/short"):
        WebHub().fetch(UrlSource(url=f"{url}/short"), tmp_path / "file", Readings())


def test_a_certificate_that_nobody_vouches_for_is_refused(serve, tmp_path, monkeypatch):
    url = serve({"/model.bin": send(b"secret")})
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(SourceUnavailable, match=r"(?i)certificate"):
        WebHub().fetch(UrlSource(url=f"{url}/model.bin"), tmp_path / "file", Readings())


def test_nobody_there(tmp_path):
    with pytest.raises(SourceUnavailable, match=r"127\.0\.0\.1:1/"):
        WebHub().fetch(UrlSource(url="https://127.0.0.1:1/file"), tmp_path / "file", Readings())


def test_what_the_meter_raises_ends_the_transfer(serve, tmp_path):
    class Stop:
        def transferred(self, done, total):
            raise JobCancelled

    url = serve({"/model.bin": send(CONTENT)})
    with pytest.raises(JobCancelled):
        WebHub().fetch(UrlSource(url=f"{url}/model.bin"), tmp_path / "file", Stop())


def unannounced(request):
    request.send_response(200)
    request.end_headers()
    request.wfile.write(CONTENT)


@pytest.mark.parametrize("answer", [send(b"", announced=1 << 40), unannounced])
def test_a_file_that_is_too_large_is_refused(serve, tmp_path, monkeypatch, answer):
    monkeypatch.setattr(web, "FILE_LIMIT", 1_000_000)
    url = serve({"/endless": answer})
    with pytest.raises(SourceUnavailable, match="/endless: more than 1000000 bytes"):
        WebHub().fetch(UrlSource(url=f"{url}/endless"), tmp_path / "file", Readings())
    assert not (tmp_path / "file").exists() or (tmp_path / "file").stat().st_size <= 1_000_000
