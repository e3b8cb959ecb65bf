"""Folders of their own for every test, and hosts that misbehave."""

import contextlib
import dataclasses
import http.server
import itertools
import threading

import pytest
from made_up_sets import made_up

from cnnlib.data import download
from cnnlib.data.sources import SOURCES


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache folder, no CNNLIB_DATA, timeouts that a busy machine does not run into."""
    for variable in ("CNNLIB_DATA", "CNNLIB_OFFLINE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("CNNLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "TIMEOUT", (2.0, 9.0))
    return tmp_path / "cache"


@pytest.fixture
def given(tmp_path, monkeypatch):
    """The folder that CNNLIB_DATA names."""
    folder = tmp_path / "given"
    folder.mkdir()
    monkeypatch.setenv("CNNLIB_DATA", str(folder))
    return folder


class Host(http.server.ThreadingHTTPServer):
    """Serves the archive of a set, in the way that the path /way/set asks for."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.payloads = {}
        self.hits = []
        self.release, self.both = threading.Event(), threading.Barrier(2)

    def url(self, way, name="mnist"):
        return f"http://127.0.0.1:{self.server_port}/{way}/{name}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        _, way, name = self.path.split("/")
        server, payload = self.server, self.server.payloads[name]
        server.hits.append(way)
        if way in ("404", "503"):
            return self.send_error(int(way))
        if way == "silent":  # never answers
            return server.release.wait(10)
        redirected = {"redirect": "good", "loop": "loop", "flood": "good"}.get(way)
        self.send_response(302 if redirected else 200)
        if redirected:
            self.send_header("Location", server.url(redirected, name))
        if way == "nonsense":
            self.send_header("Content-Length", "many")
        elif way not in ("endless", "flood"):
            self.send_header("Content-Length", "0" if redirected else str(len(payload)))
        if way == "gzip":  # as some servers do with .tar.gz; the client must keep the bytes as they are
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for part in [] if redirected and way != "flood" else self.parts(way, payload):
                self.wfile.write(part)
                self.wfile.flush()

    def parts(self, way, payload):
        half = len(payload) // 2
        if way in ("endless", "flood"):  # 200 MB
            yield from itertools.repeat(bytes(1 << 16), 3200)
        elif way == "wrong":
            yield payload[:-1] + bytes([payload[-1] ^ 1])
        elif way == "truncated":
            yield payload[:half]
        elif way in ("stall", "wait", "together"):
            yield payload[:half]
            self.server.both.wait(20) if way == "together" else self.server.release.wait(20)
            yield payload[half:] if way != "stall" else b""
        elif way == "pieces":
            for start in range(0, len(payload), 1000):
                yield payload[start : start + 1000]
        elif way == "drip":  # 50 bytes a second, without a pause that would be a timeout; 20 s, not for ever
            yield payload[:half]
            for place in range(half, half + 1000):
                if self.server.release.wait(0.02):
                    return
                yield payload[place : place + 1]
        else:
            yield payload

    def log_message(self, *arguments):
        pass


@pytest.fixture
def host():
    server = Host()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.release.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def serve(host, monkeypatch):
    """serve(name, *ways): let `load(name)` get a small made-up set from this host, in these ways."""

    def serve(name, *ways):
        host.payloads[name], source, content = made_up(name)
        urls = tuple(host.url(way, name) for way in ways)
        monkeypatch.setitem(SOURCES, name, dataclasses.replace(source, urls=urls))
        return dict(content)

    return serve
