"""A server on loopback that speaks S3, from a wheel, with faults on demand: lost answers, broken lines."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "somebody",
    "AWS_SECRET_ACCESS_KEY": "very-secret",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


class _Quiet(MotoRequestHandler):
    def log(self, *_: Any) -> None:
        pass


class ObjectStore:
    """The server, in threads of this process.

    Attributes
    ----------
    fault : callable
        Given method, path and query of each request: "cut" ends the connection before anything was done, "lost" after
        everything was done, "refused" answers that the server is busy; None lets it pass.
    """

    def __init__(self) -> None:
        self.fault: Callable[[str, str, dict[str, str]], str | None] = lambda *_: None
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._serve, threaded=True, request_handler=_Quiet)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _serve(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
        fault = self.fault(environ["REQUEST_METHOD"], environ["PATH_INFO"], query)
        if fault == "cut":
            return self._end(environ)
        if fault == "refused":
            start_response("503 Slow Down", [("Content-Length", "0")])
            return [b""]
        if fault == "lost":
            list(self._app(environ, lambda *_: None))
            return self._end(environ)
        answer: Iterable[bytes] = self._app(environ, start_response)
        return answer

    @staticmethod
    def _end(environ: dict[str, Any]) -> Iterable[bytes]:
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        raise ConnectionError
