"""Drift between what is declared, locked and installed, and the package behind a missing module."""

from __future__ import annotations

import pytest

from clients.daemon.environments.drift import Drift, drift, fits_live, locked_versions, package_for


def test_what_is_missing_too_old_or_not_as_locked_is_named() -> None:
    declared = ["pandas>=2", "numpy", "Py_Tiny==1", "attrs", "wheel; sys_platform == 'nowhere'"]
    installed = {"pandas": "1.5", "py-tiny": "1.0", "attrs": "24.1"}
    assert drift(declared, installed, {"attrs": "25.1"}) == [
        Drift("attrs", "attrs", "25.1", "24.1"),
        Drift("numpy", "numpy", "", ""),
        Drift("pandas", "pandas>=2", "", "1.5"),
    ]


def test_a_lock_file_is_read_and_a_broken_one_is_none() -> None:
    assert locked_versions(b'[[package]]\nname = "Pandas"\nversion = "2.2"\n') == {"pandas": "2.2"}
    assert locked_versions(b"[[package") == {}


def test_a_running_kernel_takes_what_is_new_and_nothing_that_changes() -> None:
    assert fits_live({"a": "1"}, {"a": "1", "b": "1"}) == []
    assert fits_live({"a": "1", "b": "1"}, {"a": "2"}) == ["a 1 would become 2", "b 1 would be gone"]


@pytest.mark.parametrize(
    ("evalue", "package"),
    [
        ("No module named 'sklearn'", "scikit-learn"),
        ("No module named 'sklearn.cluster'", "scikit-learn"),
        ("No module named 'cv2'", "opencv-python-headless"),
        ("No module named 'PIL'", "pillow"),
        ("No module named 'yaml'", "PyYAML"),
        ("No module named 'bs4'", "beautifulsoup4"),
        ("No module named 'polars'", "polars"),
        ("No module named 'some_package.part'", "some-package"),
        ("cannot import name 'x' from 'y'", None),
    ],
)
def test_a_missing_module_suggests_its_package(evalue: str, package: str | None) -> None:
    assert package_for("ModuleNotFoundError", evalue) == package
    assert package_for("ValueError", evalue) is None
