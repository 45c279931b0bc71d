"""How what is declared, what is locked and what is installed differ; and what a missing module is called as a package.

Pure. `drift` names each declared package whose installed version is missing or does not satisfy it, or is another one
than the lock file says. `fits_live` says whether an environment can take another's place under a running kernel.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

# Modules that are installed under another name than they are imported by: those that people meet.
PACKAGE_OF: Final[Mapping[str, str]] = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cairo": "pycairo",
    "Crypto": "pycryptodome",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "git": "GitPython",
    "google.protobuf": "protobuf",
    "haystack": "haystack-ai",
    "IPython": "ipython",
    "jwt": "PyJWT",
    "kafka": "kafka-python",
    "ldap": "python-ldap",
    "lxml_html_clean": "lxml-html-clean",
    "magic": "python-magic",
    "mpl_toolkits": "matplotlib",
    "MySQLdb": "mysqlclient",
    "nacl": "PyNaCl",
    "OpenSSL": "pyOpenSSL",
    "osgeo": "gdal",
    "PIL": "pillow",
    "pkg_resources": "setuptools",
    "pptx": "python-pptx",
    "psycopg2": "psycopg2-binary",
    "pylab": "matplotlib",
    "pythoncom": "pywin32",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "slugify": "python-slugify",
    "snappy": "python-snappy",
    "tlz": "toolz",
    "umap": "umap-learn",
    "usb": "pyusb",
    "vega_datasets": "vega-datasets",
    "wx": "wxPython",
    "yaml": "PyYAML",
    "zmq": "pyzmq",
}
_MISSING: Final = re.compile(r"^No module named '([\w.]+)'")
_NAME: Final = re.compile(r"[A-Za-z_]\w*\Z")


@dataclass(frozen=True, slots=True)
class Drift:
    """A package that is not as declared. A version is empty where there is none."""

    name: str
    declared: str
    locked: str
    installed: str


def drift(
    declared: Iterable[str], installed: Mapping[str, str], locked: Mapping[str, str] | None = None
) -> list[Drift]:
    """What is not as declared, by name. Requirements for other platforms than this one are left out."""
    found = []
    for text in declared:
        try:
            requirement = Requirement(text)
            if requirement.marker is not None and not requirement.marker.evaluate():
                continue
        except (InvalidRequirement, UndefinedComparison, UndefinedEnvironmentName):
            continue
        name = canonicalize_name(requirement.name)
        there, lock = installed.get(name, ""), (locked or {}).get(name, "")
        fits = bool(there) and requirement.specifier.contains(there, prereleases=True)
        if not fits or (lock and lock != there):
            found.append(Drift(name, str(requirement), lock, there))
    return sorted(found, key=lambda one: one.name)


def locked_versions(lock: bytes) -> dict[str, str]:
    """Name -> version in a uv.lock; empty if it cannot be read."""
    try:
        packages = tomllib.loads(lock.decode()).get("package", [])
        return {canonicalize_name(one["name"]): str(one.get("version", "")) for one in packages}
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}


def fits_live(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """What stands in the way of giving a running kernel these packages instead of those; empty if nothing does.

    A module that is loaded stays as it is, so only what was not there before can come.
    """
    return [
        f"{name} {version} would become {after[name]}" if name in after else f"{name} {version} would be gone"
        for name, version in sorted(before.items())
        if after.get(name) != version
    ]


def package_for(ename: str, evalue: str) -> str | None:
    """The package to suggest for an error that a cell raised; None if it is not that a module is missing."""
    match = _MISSING.match(evalue) if ename in ("ModuleNotFoundError", "ImportError") else None
    if match is None:
        return None
    module = match[1]
    top = module.partition(".")[0]
    if _NAME.match(top) is None:
        return None
    return PACKAGE_OF.get(module) or PACKAGE_OF.get(top) or top.replace("_", "-")
