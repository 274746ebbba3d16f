"""Who may look with a browser, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import sha256

import httpx
import pytest
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import SecretStr
from structlog.testing import capture_logs

from alphaloop.core.clock import NS_PER_S, SteppedClock
from alphaloop.core.errors import InputError, StoreAwayError
from alphaloop.web import sessions
from alphaloop.web.browser import browser_app
from alphaloop.web.settings import WebSettings

TOKEN = "a-token-for-this-test-only"
COOKIE = f"alphaloop-{sha256(TOKEN.encode()).hexdigest()[:12]}"
HERE = "http://127.0.0.1"


class Pages:
    style = b"body { color: red }"

    def __init__(self) -> None:
        self.done: list[str] = []
        self.router = APIRouter()

        @self.router.get("/")
        def overview() -> Response:
            return HTMLResponse("the overview")

        @self.router.post("/do/{what}")
        def do(what: str) -> Response:
            self.done.append(what)
            return HTMLResponse("done")

        @self.router.get("/fails/{how}")
        def fails(how: str) -> Response:
            raise {"input": InputError("bad"), "away": StoreAwayError("away"), "defect": ZeroDivisionError("inside")}[
                how
            ]

    async def refusal(self, request: Request, error: Exception) -> Response:
        return HTMLResponse(f"refused: {error}", 503 if isinstance(error, StoreAwayError) else 400)

    async def unusable(self, request: Request, error: Exception) -> Response:
        return HTMLResponse("nothing there", 404)


Story = Callable[[httpx.AsyncClient, Pages, SteppedClock], Awaitable[None]]


def tell(story: Story) -> None:
    async def play() -> None:
        pages, clock = Pages(), SteppedClock(1)
        app = browser_app(pages, WebSettings(token=TOKEN), clock)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=HERE, headers={"Origin": HERE}) as client:
            await story(client, pages, clock)

    asyncio.run(play())


def test_the_token_opens_for_some_hours() -> None:
    async def story(client: httpx.AsyncClient, pages: Pages, clock: SteppedClock) -> None:
        assert (await client.get("/")).headers["location"] == "/login"
        assert (await client.post("/do/it")).headers["location"] == "/login"
        opened = await client.post("/login", data={"token": f" {TOKEN}\n"})
        assert (opened.status_code, opened.headers["location"]) == (303, "/")
        cookie = opened.headers["set-cookie"]
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
        assert TOKEN not in cookie
        assert (await client.get("/")).text == "the overview"
        assert (await client.post("/do/it")).text == "done"
        clock.ns += sessions.SESSION_S * NS_PER_S - 1
        assert (await client.get("/")).text == "the overview"
        clock.ns += 1
        assert (await client.get("/")).status_code == 303
        assert pages.done == ["it"]

    tell(story)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"token=",
        b"token=x",
        b"\xff\xfe",
        f"TOKEN={TOKEN}".encode(),
        f"token={TOKEN}&more={'x' * 10_000}".encode(),  # longer than any form of ours is not read
    ],
)
def test_nothing_else_opens(body: bytes) -> None:
    async def story(client: httpx.AsyncClient, pages: Pages, clock: SteppedClock) -> None:
        refused = await client.post("/login", content=body)
        assert (refused.status_code, "set-cookie" in refused.headers) == (401, False)
        for cookie in ("", f"{COOKIE}=", f"{COOKIE}=x", "=;=", f"{COOKIE}={TOKEN}"):
            assert (await client.get("/", headers={"Cookie": cookie})).status_code == 303
        assert (await client.get("/", headers={"Authorization": f"Bearer {TOKEN}"})).status_code == 303

    tell(story)


@pytest.mark.parametrize("origin", ["http://elsewhere.example", "null", "", "http://127.0.0.1:81", "http://[", None])
def test_a_form_of_another_site_does_nothing(origin: str | None) -> None:
    async def story(client: httpx.AsyncClient, pages: Pages, clock: SteppedClock) -> None:
        await client.post("/login", data={"token": TOKEN})
        if origin is None:
            del client.headers["Origin"]
        else:
            client.headers["Origin"] = origin
        assert (await client.post("/do/it")).status_code == 403
        assert (await client.post("/login", data={"token": TOKEN})).status_code == 403
        assert (await client.post("/logout")).status_code == 403
        assert pages.done == []
        assert (await client.get("/")).text == "the overview"

    tell(story)


@pytest.mark.parametrize("others", ['foo={"a": 1}', "foo=a b", "version=1", "flag", "a[b]=1", "a@b=1", "alphaloop=x"])
def test_cookies_of_others_on_this_host_do_no_harm(others: str) -> None:
    async def story(client: httpx.AsyncClient, pages: Pages, clock: SteppedClock) -> None:
        await client.post("/login", data={"token": TOKEN})
        mine = f"{COOKIE}={client.cookies[COOKIE]}"
        client.cookies.clear()
        for cookie in (f"{others}; {mine}", f"{mine}; {others}"):
            assert (await client.get("/", headers={"Cookie": cookie})).text == "the overview"

    tell(story)


def test_each_token_has_a_cookie_of_its_own() -> None:
    names = {sessions.SessionGuard(None, SecretStr(token), SteppedClock(1)).cookie for token in (TOKEN, TOKEN + "2")}  # type: ignore[arg-type]
    assert len(names) == 2
    assert COOKIE in names


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_over_tls_the_cookie_is_for_tls_alone(scheme: str) -> None:
    async def story(client: httpx.AsyncClient, pages: Pages, clock: SteppedClock) -> None:
        client.headers["Origin"] = here = f"{scheme}://127.0.0.1"
        opened = await client.post(f"{here}/login", data={"token": TOKEN})
        assert ("Secure" in opened.headers["set-cookie"]) == (scheme == "https")

    tell(story)


def test_a_refused_login_is_logged_without_what_was_given() -> None:
    async def story(client: httpx.AsyncClient, pages: Pages, clock: SteppedClock) -> None:
        await client.post("/login", data={"token": "s3cret-w0rd"})

    with capture_logs() as logs:
        tell(story)
    assert logs == [{"event": "login_refused", "client": "127.0.0.1", "log_level": "warning"}]


def test_leaving_ends_a_session_and_no_other() -> None:
    async def story(client: httpx.AsyncClient, pages: Pages, clock: SteppedClock) -> None:
        await client.post("/login", data={"token": TOKEN})
        first = client.cookies[COOKIE]
        client.cookies.clear()
        await client.post("/login", data={"token": TOKEN})
        assert client.cookies[COOKIE] != first
        assert (await client.get("/logout")).status_code == 404  # only a form ends it
        assert (await client.post("/logout")).headers["location"] == "/login"
        assert (await client.get("/")).status_code == 303
        client.cookies.clear()
        assert (await client.get("/", headers={"Cookie": f"{COOKIE}={first}"})).text == "the overview"

    tell(story)


def test_sessions_are_not_kept_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MOST_SESSIONS", 2)

    async def story(client: httpx.AsyncClient, pages: Pages, clock: SteppedClock) -> None:
        names = []
        for _ in range(3):
            client.cookies.clear()
            await client.post("/login", data={"token": TOKEN})
            names.append(client.cookies[COOKIE])
        client.cookies.clear()
        answers = [await client.get("/", headers={"Cookie": f"{COOKIE}={name}"}) for name in names]
        assert [answer.status_code for answer in answers] == [303, 200, 200]

    tell(story)


def test_every_answer_forbids_scripts_and_keeping() -> None:
    async def story(client: httpx.AsyncClient, pages: Pages, clock: SteppedClock) -> None:
        answers = [await client.get(path) for path in ("/login", "/style.css", "/")]
        await client.post("/login", data={"token": TOKEN})
        answers += [await client.get(path) for path in ("/", "/nowhere", "/fails/input", "/fails/defect")]
        assert [answer.status_code for answer in answers] == [200, 200, 303, 200, 404, 400, 400]
        for answer in answers:
            assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["x-content-type-options"] == "nosniff"
        assert answers[1].content == Pages.style

    tell(story)


def test_errors_are_pages_and_a_defect_says_nothing_about_itself() -> None:
    async def story(client: httpx.AsyncClient, pages: Pages, clock: SteppedClock) -> None:
        await client.post("/login", data={"token": TOKEN})
        assert (await client.get("/fails/input")).text == "refused: bad"
        assert (await client.get("/fails/away")).status_code == 503
        defect = await client.get("/fails/defect")
        assert "a defect of ours" in defect.text
        assert "inside" not in defect.text

    tell(story)
