"""Where no kernel of Quire's is, nothing stands in the way of waiting."""

from __future__ import annotations

import sys
import types

import pytest

from clients.peer.own_kernel import refuse_to_wait_for_itself


@pytest.mark.parametrize("shell", [None, types.SimpleNamespace(), types.SimpleNamespace(quire_notebook="another")])
def test_a_program_and_the_kernels_of_others_may_wait(monkeypatch: pytest.MonkeyPatch, shell: object) -> None:
    ipython = types.ModuleType("IPython")
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    refuse_to_wait_for_itself("this", blocking=True)  # another thread is in the middle of importing it
    ipython.get_ipython = lambda: shell  # type: ignore[attr-defined]
    refuse_to_wait_for_itself("this", blocking=True)
