"""The pages: rendered on the server, without scripts, each from what `View` tells."""

from __future__ import annotations

from importlib.resources import files
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from alphaloop.core.errors import AwayError, InputError
from alphaloop.markets.pumpfun.live.dashboard.view import COMMANDS, SPANS_S, View

REFRESH_S: Final = 5
MISSING: Final = "-"


class DashboardPages:
    """Routes of a dashboard; whoever serves them sees to it who may look.

    Parameters
    ----------
    view : View
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._templates = Environment(
            loader=PackageLoader(__package__), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        self._templates.filters |= {
            "sol": sol,
            "percent": percent,
            "multiple": multiple,
            "age": age,
            "short": short,
            "moment": moment,
            "change": change,
        }
        self._templates.globals |= {"commands": COMMANDS, "spans": list(SPANS_S), "refresh_s": REFRESH_S}

    @property
    def style(self) -> bytes:
        """The style sheet."""
        return files(__package__).joinpath("templates/dashboard.css").read_bytes()

    @property
    def router(self) -> APIRouter:
        """All pages, and what their buttons do."""
        router, view = APIRouter(), self._view

        @router.get("/")
        async def overview() -> Response:
            return self._page("overview", **await view.overview())

        @router.get("/trades")
        async def trades(limit: Annotated[int, Query(ge=1, le=10_000)] = 200) -> Response:
            return self._page("trades", **await view.trades(limit))

        @router.get("/signals")
        async def signals(last: str = "1h", find: str = "") -> Response:
            if find:
                return self._page("why", **await view.why(find.strip()))
            if last not in SPANS_S:
                raise InputError(f"last={last!r:.20} is none of {', '.join(SPANS_S)}; choose one of them")
            return self._page("signals", **await view.signals(last))

        @router.get("/sell/{asset}")
        async def sell(asset: Annotated[str, Path(max_length=64)]) -> Response:
            return self._page("sell", asset=asset)

        @router.post("/commands/{name}")
        async def command(name: str, asset: Annotated[str, Query(max_length=64)] = "") -> Response:
            if name not in COMMANDS:
                raise InputError(f"there is no command {name!r:.40}; those here are {', '.join(COMMANDS)}")
            await view.command(name, {"asset": asset} if asset else {})
            return RedirectResponse("/", 303)

        return router

    async def refusal(self, request: Request, error: Exception) -> Response:
        """Show one of our errors as a page."""
        status = 503 if isinstance(error, AwayError) else 400 if isinstance(error, InputError) else 500
        # The first page looks again by itself: what is away comes back, and a first start takes a moment.
        return self._page("refused", status, said=str(error), again=request.url.path == "/")

    async def unusable(self, request: Request, error: Exception) -> Response:
        """Show that an address or its parameters mean nothing here."""
        status = getattr(error, "status_code", 400)
        said = f"there is nothing at {request.url.path}, or not in this form"
        return self._page("refused", status, said=said, again=False)

    def _page(self, template: str, status: int = 200, /, **shown: Any) -> HTMLResponse:
        return HTMLResponse(self._templates.get_template(f"{template}.html").render(shown), status)


def sol(amount: float | None) -> str:
    """SOL, to the thousandth of a thousandth."""
    return MISSING if amount is None else f"{amount:,.6f}"


def percent(part: float | None) -> str:
    """A share in per cent."""
    return MISSING if part is None else f"{part:.1%}"


def change(drawdown: float | None) -> str:
    """A drawdown as the change that it is, in per cent; what rounds to nothing has no minus."""
    return MISSING if drawdown is None else f"{round(-100 * drawdown, 2) + 0.0:+.2f} %"


def multiple(value: float | None) -> str:
    """A price over the entry price."""
    return MISSING if value is None else f"{value:.3f}x"


def age(seconds: float | None) -> str:
    """Seconds, minutes or hours, whichever is read best."""
    if seconds is None:
        return MISSING
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"


def short(name: str | None) -> str:
    """Both ends of a long name."""
    return MISSING if not name else name if len(name) <= 14 else f"{name[:6]}…{name[-4:]}"


def moment(text: str | None) -> str:
    """A time as it is stored, to the second: all are UTC."""
    return MISSING if not text else f"{text[:10]} {text[11:19]}"
