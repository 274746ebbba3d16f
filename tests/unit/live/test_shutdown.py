"""Asking politely to stop."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from alphaloop.live.shutdown import stop_on_signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_asks_and_the_handlers_come_back(number):
    before = signal.getsignal(number)
    with stop_on_signals() as stop:
        assert not stop.asked
        os.kill(os.getpid(), number)
        assert stop.asked
        assert signal.getsignal(number) is before
    assert signal.getsignal(number) is before


def test_a_pause_ends_when_somebody_asks():
    with stop_on_signals() as stop:
        timer = threading.Timer(0.01, stop.ask)
        timer.start()
        stop.pause(60)
        timer.join()
        assert stop.asked


def test_outside_the_main_thread_signals_are_left_alone():
    seen = []

    def work():
        with stop_on_signals() as stop:
            seen.append((stop.asked, signal.getsignal(signal.SIGTERM)))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(False, before)]
