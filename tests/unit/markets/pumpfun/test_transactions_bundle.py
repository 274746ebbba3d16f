"""Bundles and their ids, requests, tips; and a key that nothing shows."""

from __future__ import annotations

import base64
import copy
import json
import logging
import pickle
import traceback

import pytest
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from alphaloop.core.errors import DataError, InputError, RefusedError
from alphaloop.markets.pumpfun.transactions import addresses as at
from alphaloop.markets.pumpfun.transactions import bundle as engine
from alphaloop.markets.pumpfun.transactions.bundle import Bundle, bundle_id, engine_url
from alphaloop.markets.pumpfun.transactions.coins import Coin, Parties
from alphaloop.markets.pumpfun.transactions.envelope import Envelope, EnvelopeError, Lifetime, Terms, draft, sign
from alphaloop.markets.pumpfun.transactions.orders import Sell
from alphaloop.markets.pumpfun.transactions.signer import Signer, read_signer
from alphaloop.markets.pumpfun.transactions.tips import MIN_TIP, TIP_ACCOUNTS, TipFloor, read_tip_floor, tip

WALLET = Keypair.from_seed(b"w" * 32)
SECRETS = (str(WALLET), bytes(WALLET).hex(), WALLET.secret().hex(), str(list(bytes(WALLET))), str(bytes(WALLET)))
MINT, CREATOR, FEE, BUYBACK = (Pubkey.from_bytes(bytes([n]) * 32) for n in (5, 6, 7, 8))


def envelope(tokens: int = 1, lamports: int | None = 20_000) -> Envelope:
    terms = Terms(100_000, 1_000, None if lamports is None else tip(lamports, 0))
    who, lifetime = Parties(WALLET.pubkey(), FEE, BUYBACK), Lifetime(str(MINT), 150)
    made = draft(
        Sell(tokens, 1), Coin(MINT, at.TOKEN, CREATOR), who, generation="legacy", terms=terms, lifetime=lifetime
    )
    return sign(made, Signer(WALLET))


def test_the_documented_bundle_id():
    signatures = (
        "3bC2M9fiACSjkTXZDgeNAuQ4ScTsdKGwR42ytFdhUvikqTmBheUxfsR1fDVsM5ADCMMspuwGkdm1uKbU246x5aE3",
        "8t9hKYEYNbLvNqiSzP96S13XF1C2f1ro271Kdf7bkZ6EpjPLuDff1ywRy4gfaGSTubsM2FeYGDoT64ZwPm1cQUt",
    )
    assert bundle_id(signatures) == "892b79ed49138bfb3aa5441f0df6e06ef34f9ee8f3976c15b323605bae0cf51d"


def test_a_bundle_is_sent_in_base64_under_an_id_known_before():
    first, second = envelope(1), envelope(2, None)
    bundle = Bundle((first, second))
    assert bundle.id == bundle_id((first.signature, second.signature)) != Bundle((second, first)).id
    request = engine.send_bundle(bundle, 9)
    body = json.loads(request.body)
    assert (request.path, request.method, body["id"], body["jsonrpc"]) == ("/api/v1/bundles", "sendBundle", 9, "2.0")
    transactions, options = body["params"]
    assert options == {"encoding": "base64"}
    assert [base64.b64decode(text) for text in transactions] == [first.wire, second.wire]
    sent = VersionedTransaction.from_bytes(base64.b64decode(transactions[0]))
    assert str(sent.signatures[0]) == first.signature


def test_bundles_that_the_engine_would_refuse_are_not_made():
    for wrong, said in (
        ((), "0 transactions"),
        (tuple(envelope(n) for n in range(1, 7)), "6 transactions"),
        ((envelope(1), envelope(1)), "twice"),
        ((envelope(1, None),), "0 tips"),
    ):
        with pytest.raises(EnvelopeError, match=said):
            Bundle(wrong)


def test_the_other_requests():
    asked = engine.bundle_statuses(["a", "b"])
    assert (asked.path, json.loads(asked.body)["params"]) == ("/api/v1/getBundleStatuses", [["a", "b"]])
    asked = engine.inflight_statuses(["a"])
    assert (asked.path, json.loads(asked.body)["method"]) == (
        "/api/v1/getInflightBundleStatuses",
        "getInflightBundleStatuses",
    )
    asked = engine.tip_accounts()
    assert (asked.path, json.loads(asked.body)["params"]) == ("/api/v1/getTipAccounts", [])
    one = envelope()
    assert engine.send_transaction(one).path == "/api/v1/transactions?bundleOnly=true"
    plain = engine.send_transaction(one, bundle_only=False)
    assert plain.path == "/api/v1/transactions"
    assert json.loads(plain.body)["params"] == [one.encoded, {"encoding": "base64"}]
    for ids in ([], list("abcdef")):
        with pytest.raises(InputError, match="1 to 5"):
            engine.bundle_statuses(ids)
    assert engine_url("ny.mainnet") == "https://ny.mainnet.block-engine.jito.wtf"
    with pytest.raises(InputError, match="devnet"):
        engine_url("devnet")


def test_tips_are_drawn_over_all_accounts_and_never_too_low():
    assert {str(tip(MIN_TIP, lot).account) for lot in range(16)} == set(TIP_ACCOUNTS)
    assert len(TIP_ACCOUNTS) == 8
    assert str(tip(MIN_TIP, 3, ["So11111111111111111111111111111111111111112"]).account).startswith("So1")
    for lamports in (MIN_TIP - 1, 0, -1, 1 << 64):
        with pytest.raises(InputError, match="does not count"):
            tip(lamports, 0)
    with pytest.raises(InputError, match="list of 0"):
        tip(MIN_TIP, 0, [])


def test_the_tip_floor_is_read_in_lamports():
    record = {f"landed_tips_{p}th_percentile": p * 1e-7 for p in (25, 50, 75, 95, 99)}
    record |= {"ema_landed_tips_50th_percentile": 1.2345e-5, "time": "2026-10-10T00:00:00Z"}
    assert read_tip_floor([record]) == TipFloor(2_500, 5_000, 7_500, 9_500, 9_900, 12_345)
    wrong = [{}, [], None, [1], [record | {"landed_tips_95th_percentile": -1.0}]]
    wrong += [[record | {"landed_tips_95th_percentile": value}] for value in (float("nan"), "1", None, True)]
    for answer in wrong:
        with pytest.raises(DataError, match="ask again"):
            read_tip_floor(answer)


def written(path, content: str, mode: int = 0o600):
    path.write_text(content)
    path.chmod(mode)
    return path


def test_a_key_file_gives_its_wallet(tmp_path):
    signer = read_signer(written(tmp_path / "id.json", json.dumps(list(bytes(WALLET))), 0o400))
    assert signer.public == WALLET.pubkey()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_a_key_file_open_to_others_is_refused(tmp_path, mode):
    path = written(tmp_path / "id.json", json.dumps(list(bytes(WALLET))), mode)
    with pytest.raises(RefusedError, match="chmod 600"):
        read_signer(path)


def test_a_wrong_key_file_is_named_and_nothing_of_it_is_shown(tmp_path):
    numbers = list(bytes(WALLET))
    contents = (
        json.dumps(numbers[:63]),
        json.dumps([*numbers[:63], numbers[63] ^ 1]),
        json.dumps([*numbers[:63], 256]),
        json.dumps([*numbers[:63], "7"]),
        json.dumps(numbers)[:-1],
        json.dumps(str(WALLET)),
        str(WALLET),
        "[" * 3_000,
        "",
    )
    for content in contents:
        path = written(tmp_path / "id.json", content)
        with pytest.raises(InputError, match=r"id\.json is not an array") as caught:
            read_signer(path)
        frames = traceback.StackSummary.extract(traceback.walk_tb(caught.value.__traceback__), capture_locals=True)
        said = f"{caught.value!r} {[frame.locals for frame in frames if frame.filename.endswith('signer.py')]}"
        assert "'path'" in said
        assert caught.value.__context__ is None
        assert not any(secret in said for secret in SECRETS)
        assert str(numbers[:8])[1:-1] not in said
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            read_signer(path)


def test_nothing_prints_logs_copies_or_saves_the_key_or_what_it_signed(caplog):
    signer, signed = Signer(WALLET), envelope()
    bundle = Bundle((signed,))
    request = engine.send_bundle(bundle)
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").warning("%s %r %s %s %s", signer, signer, signed, bundle, request)
    text = "".join((caplog.text, f"{signer}", repr([signer, signed, bundle, request]), str(signed), format(signer)))
    assert not any(secret in text for secret in SECRETS)
    assert str(signer.public) in text
    assert signed.signature in text
    assert signed.encoded not in text
    assert repr(signed.wire)[2:40] not in text
    for road in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(RefusedError, match="not copied or saved"):
            road(signer)
    assert not hasattr(signer, "__dict__")
