"""Which of the daemon's environment variables its kernels get."""

from __future__ import annotations

from clients.daemon.environment_variables import for_kernels

FOUND = {
    "HOME": "/home/ann",
    "LC_TIME": "C",
    "PYTHONPATH": "/lib",
    "CUDA_VISIBLE_DEVICES": "0",
    "JUPYTER_PATH": "/jupyter",
    "JUPYTER_TOKEN": "secret",
    "GITHUB_TOKEN": "secret",
    "UV_INDEX_PRIVATE_PASSWORD": "secret",
    "MY_SETTING": "1",
}


def test_kernels_get_what_programs_need_and_nothing_that_is_secret() -> None:
    assert set(for_kernels(FOUND)) == {"HOME", "LC_TIME", "PYTHONPATH", "CUDA_VISIBLE_DEVICES", "JUPYTER_PATH"}


def test_the_user_adds_names_and_patterns() -> None:
    added = for_kernels({**FOUND, "QUIRE_KERNEL_ENV": "GITHUB_TOKEN, MY_*"})
    assert added["GITHUB_TOKEN"] == "secret"
    assert added["MY_SETTING"] == "1"
    assert "UV_INDEX_PRIVATE_PASSWORD" not in added
    assert "QUIRE_KERNEL_ENV" not in added


def test_a_star_is_everything() -> None:
    everything = {**FOUND, "QUIRE_KERNEL_ENV": "*"}
    assert for_kernels(everything) == everything
