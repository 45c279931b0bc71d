"""What every test relies on."""

from __future__ import annotations

import signal

import pytest


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c_reaches_what_is_started() -> None:
    """A shell that runs the tests in the background has them, and all that they start, ignore SIGINT: undo that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
