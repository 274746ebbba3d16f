"""Endpoints: where they come from, what they may be asked, which is asked next, and that no secret is told."""

from __future__ import annotations

import asyncio
import json
import random
from itertools import pairwise
from pathlib import Path

import pytest

from alphaloop.core.clock import SteppedClock
from alphaloop.core.errors import InputError, RecipeError
from alphaloop.markets.pumpfun.ingest.endpoints import endpoints_of_environment, read_endpoints
from alphaloop.markets.pumpfun.ingest.limits import WINDOW_S, Budgets, RateLimit
from alphaloop.markets.pumpfun.ingest.pool import EndpointPool, PoolSettings

NOVEMBER, DECEMBER = 1_763_000_000_000_000_000, 1_764_600_000_000_000_000


class Seconds:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def pool_of(count: int, monotonic: Seconds, **options: object) -> EndpointPool:
    environment = {"RPC_WS_URLS": "wss://node.example", "RPC_KEYS": ",".join(f"key-number-{i}" for i in range(count))}
    known = [found.model_copy(update=options) for found in endpoints_of_environment(environment)]
    return EndpointPool(known, Budgets(SteppedClock(NOVEMBER)), PoolSettings(), monotonic, random.Random(1))


def test_endpoints_of_a_file_have_urls_with_their_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "s3cret-b")
    path = tmp_path / "endpoints.toml"
    path.write_text(
        """
        [[endpoints]]
        name = "one"
        ws_url = "wss://one.example/v2/{key}"
        key = "s3cret-a"
        budget_units = 5

        [[endpoints]]
        name = "two"
        ws_url = "ws://two.example:8900/solana"
        http_url = "http://two.example:8899/solana"
        key_env = "MY_KEY"
        proxy = "http://user:word@proxy.example:3128"
        """
    )
    one, two = read_endpoints(path)
    assert (one.ws, one.http) == ("wss://one.example/v2/s3cret-a", "https://one.example/v2/s3cret-a")
    assert (two.ws, two.http) == ("ws://two.example:8900/solana/s3cret-b", "http://two.example:8899/solana/s3cret-b")
    assert (one.budget_units, two.budget_units) == (5, 3_000_000)
    assert (one.requests_per_s, two.requests_per_s) == (25, 25)
    for endpoint in (one, two):
        for text in (repr(endpoint), str(endpoint), endpoint.model_dump_json()):
            assert "s3cret" not in text
            assert "word" not in text
    assert "s3cret" not in two.redact(f"cannot reach {two.ws} through http://user:word@proxy.example:3128 (s3cret-b)")
    assert "word" not in two.redact(f"cannot reach {two.ws} through http://user:word@proxy.example:3128 (s3cret-b)")


def proxied(url: str) -> str:
    return f'[[endpoints]]\nname = "a"\nws_url = "wss://x.example"\nproxy = "{url}"'


def test_what_a_proxy_is_asked_with_is_hidden_in_every_form(tmp_path: Path) -> None:
    path = tmp_path / "endpoints.toml"
    path.write_text(proxied("socks5h://custom%40er:p%3Ass-w0rd@proxy.example:1080"))
    (endpoint,) = read_endpoints(path)
    said = endpoint.redact("custom@er / custom%40er with p:ss-w0rd / p%3Ass-w0rd is refused at proxy.example:1080")
    assert said == "*** / *** with *** / *** is refused at proxy.example:1080"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("endpoints = []", "at least 1"),
        ('[[endpoints]]\nname = "a"\nws_url = "https://x.example/hidden"', "ws:// or wss://"),
        ('[[endpoints]]\nname = "a"\nws_url = 1234567', "not shown"),
        ('[[endpoints]]\nname = "a"\nws_url = "wss://x.example"\nkey = 1234567', "not shown"),
        ('[[endpoints]]\nname = "a"\nws_url = "wss://x.example"\nkeys = "hidden"', "did you mean 'key'"),
        ('[[endpoints]]\nname = "a"\nws_url = "wss://x.example"\nkey_env = "NOT_SET_ANYWHERE"', "NOT_SET_ANYWHERE"),
        ('[[endpoints]]\nname="a"\nws_url="wss://x.example"\n[[endpoints]]\nname="a"\nws_url="wss://y.example"', "two"),
        ("[[endpoints", "no TOML"),
        (proxied("http://hidden@p.example:1"), "SCHEME://USER:PASSWORD@HOST:PORT"),
        (proxied("http://hidden:1234567@p.example:1/path"), "SCHEME://USER:PASSWORD@HOST:PORT"),
        (proxied("http://hidden:1234567@p.example:hidden"), "http:// or https:// or socks5:// or socks5h://"),
        (proxied("ftp://hidden:1234567@p.example"), "http:// or https:// or socks5:// or socks5h://"),
        (proxied("http://hidden:123\uff034567@p.example"), "http:// or https:// or socks5:// or socks5h://"),
    ],
)
def test_a_wrong_file_is_one_sentence_without_its_secrets(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "endpoints.toml"
    path.write_text(content)
    with pytest.raises((InputError, RecipeError)) as caught:
        read_endpoints(path)
    assert said in str(caught.value)
    assert "hidden" not in str(caught.value)
    assert "1234567" not in str(caught.value)


def test_endpoints_of_the_environment() -> None:
    found = endpoints_of_environment({"RPC_WS_URLS": "wss://a.example, wss://b.example/x", "RPC_KEYS": "k1, k2"})
    assert [endpoint.ws for endpoint in found] == ["wss://a.example/k1", "wss://b.example/x/k2"]
    shared = endpoints_of_environment(
        {"RPC_WS_URLS": "wss://a.example", "RPC_HTTP_URLS": "https://h.example", "RPC_KEYS": "k1,k2,k3"}
    )
    assert [endpoint.http for endpoint in shared] == [f"https://h.example/k{i}" for i in (1, 2, 3)]
    assert len({endpoint.name for endpoint in shared}) == 3
    assert endpoints_of_environment({"RPC_WS_URLS": "ws://127.0.0.1:8900"})[0].http == "http://127.0.0.1:8900"
    for wrong in (
        {},
        {"RPC_WS_URLS": "wss://a.example,wss://b.example", "RPC_KEYS": "k1,k2,k3"},
        {"RPC_WS_URLS": "wss://a.example,wss://b.example", "RPC_HTTP_URLS": "https://h.example"},
    ):
        with pytest.raises(InputError):
            endpoints_of_environment(wrong)


def test_never_more_requests_than_allowed_in_any_second() -> None:
    limit, now, starts = RateLimit(25), 0.0, []
    chance = random.Random(3)
    for _ in range(2_000):
        now += chance.choice((0.0, 0.0, 0.001, 0.2))
        starts.append(limit.reserve(now))
    assert starts == sorted(starts)
    assert all(later - earlier >= 1.0 for earlier, later in zip(starts, starts[25:], strict=False))


def test_a_burst_waits_no_longer_than_it_must() -> None:
    limit = RateLimit(25)
    starts = [limit.reserve(0.0) for _ in range(50)]
    assert starts == [0.0] * 25 + [WINDOW_S] * 25
    assert limit.wait_s(0.0) == pytest.approx(2 * WINDOW_S)


def test_budgets_survive_a_restart_and_begin_anew_each_month(tmp_path: Path) -> None:
    clock, path = SteppedClock(NOVEMBER), tmp_path / "budgets.json"
    budgets = Budgets(clock, path)
    budgets.spend("my-secret-key", 70)
    budgets.spend("my-secret-key", 5)
    budgets.save()
    assert "my-secret-key" not in path.read_text()
    assert Budgets(clock, path).used("my-secret-key") == 75
    clock.ns = DECEMBER
    assert budgets.used("my-secret-key") == 0
    assert Budgets(clock, path).used("my-secret-key") == 0
    path.write_text("{")
    assert Budgets(clock, path).used("my-secret-key") == 0


def test_load_rotates_over_healthy_endpoints() -> None:
    seconds = Seconds()
    pool = pool_of(3, seconds)

    async def run() -> list[str]:
        names = []
        for _ in range(9):
            seconds.now += 0.01
            names.append((await pool.request()).name)
        return names

    names = asyncio.run(run())
    assert sorted(names) == sorted(3 * [endpoint.name for endpoint in pool.endpoints])
    assert all(first != second for first, second in pairwise(names))


def test_streams_are_spread_before_they_are_doubled() -> None:
    pool = pool_of(3, Seconds())

    async def run() -> None:
        first = [await pool.stream() for _ in range(3)]
        assert len(set(first)) == 3
        pool.released(first[1])
        assert await pool.stream() is first[1]

    asyncio.run(run())


def test_failures_rest_longer_and_longer_and_one_success_heals() -> None:
    seconds = Seconds()
    pool = pool_of(1, seconds)
    endpoint = pool.endpoints[0]
    rests = []
    for _ in range(12):
        pool.failed(endpoint, "connection refused")
        rests.append(endpoint.rests_until - seconds.now)
        seconds.now = endpoint.rests_until
    for number, rest in enumerate(rests):
        whole = min(60.0, 0.5 * 2**number)
        assert whole / 2 <= rest <= whole
    pool.succeeded(endpoint)
    pool.failed(endpoint, "again")
    assert endpoint.rests_until - seconds.now <= 0.5


def test_an_endpoint_that_rests_or_has_no_units_left_is_passed_over() -> None:
    seconds = Seconds()
    pool = pool_of(3, seconds, budget_units=10)
    one, two, three = pool.endpoints

    async def run() -> None:
        pool.failed(one, "down")
        pool.charge(two, 10)
        for _ in range(10):
            seconds.now += 0.001
            assert await pool.request() is three
        assert not pool.usable(three)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await pool.request()
        seconds.now += 60.0
        assert await pool.request() is one

    asyncio.run(run())
    report = {line["endpoint"]: line for line in pool.report()}
    assert report[two.name]["units_left"] == 0
    assert report[three.name]["requests"] == 10
    assert "key-number" not in json.dumps(pool.report())


def test_failed_ones_are_avoided_while_there_is_another() -> None:
    pool = pool_of(2, Seconds())

    async def run() -> None:
        one, two = pool.endpoints
        assert await pool.request(avoid=[one]) is two
        assert await pool.request(avoid=[two]) is one
        assert await pool.request(avoid=[one, two]) in (one, two)

    asyncio.run(run())
