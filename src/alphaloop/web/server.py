"""The application on a socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
import uvicorn
from starlette.types import ASGIApp

from alphaloop.core.errors import InputError
from alphaloop.web.settings import WebSettings

log = structlog.get_logger("alphaloop.web")


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Whoever runs the loop decides about signals.
        yield


async def serve(
    app: ASGIApp, settings: WebSettings, stop: asyncio.Event, ready: Callable[[str], None] = lambda url: None
) -> None:
    """Serve `app` until `stop` is set.

    Parameters
    ----------
    ready : callable
        Called with the address once connections are taken.

    Raises
    ------
    InputError
        If the address cannot be listened on.
    """
    listening = _listen(settings)
    host, port = listening.getsockname()[:2]
    if not settings.is_loopback:
        log.warning("reachable_from_other_machines", host=host, port=port, advice="put TLS in front of it")
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=settings.shutdown_s,
    )
    server = _Server(config)
    running = asyncio.create_task(server.serve(sockets=[listening]))
    stopping = asyncio.create_task(stop.wait())
    try:
        while not server.started and not running.done():
            await asyncio.sleep(0.01)
        ready(f"http://{f'[{host}]' if ':' in host else host}:{port}/api")
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        server.should_exit = True
        stopping.cancel()
        await running
        listening.close()


def _listen(settings: WebSettings) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, reuse_port=False)
    except OSError as error:
        raise InputError(
            f"{settings.host}:{settings.port}: cannot be listened on ({error.strerror}); give another host or port"
        ) from None
