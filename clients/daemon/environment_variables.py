"""Which of the daemon's environment variables its kernels get: an explicit list.

A daemon is started from somebody's shell, whose variables may hold what no notebook is meant to see: tokens of other
services, the settings of this one. So a kernel gets the variables that programs need to find their way (the user, the
locale, paths, the desktop, certificates and proxies, devices and their libraries), those that Jupyter and Python read,
and what the user adds: QUIRE_KERNEL_ENV is a list of names and patterns (`AWS_PROFILE,MY_*`), `*` being everything. It
keeps secrets out of outputs and logs; it is no wall, since a kernel runs as the same user. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Final

ADDED_BY: Final = "QUIRE_KERNEL_ENV"
PASSED_ON: Final[tuple[str, ...]] = (
    # Who and where.
    *("HOME", "USER", "LOGNAME", "SHELL", "PATH", "PWD", "TMPDIR", "TMP", "TEMP", "TZ", "HOSTNAME", "XDG_*"),
    # How text and screens look.
    *("LANG", "LANGUAGE", "LC_*", "TERM", "COLORTERM", "NO_COLOR", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY"),
    # How to reach the network.
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    # Libraries and devices, and how many threads they use.
    *("LD_LIBRARY_PATH", "DYLD_*", "CUDA_*", "NVIDIA_*", "ROCM_*", "HIP_*", "HSA_*", "XLA_*", "JAX_*"),
    *("OMP_*", "MKL_*", "OPENBLAS_*", "NUMEXPR_*", "VECLIB_*", "BLIS_*", "KMP_*"),
    # What languages and their tools read. Not PIP_* and UV_*: those hold the passwords of package indexes.
    *("PYTHON*", "VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "JUPYTER_*", "IPYTHON*", "MPLBACKEND"),
    *("MPLCONFIGDIR", "NLTK_DATA", "HF_HOME", "TORCH_HOME", "R_HOME", "R_LIBS*", "JULIA_*", "DENO_DIR"),
    *("DENO_NO_UPDATE_CHECK", "JAVA_HOME", "GOPATH", "GOROOT", "NODE_PATH"),
    "QUIRE_HOME",  # so that a notebook's code finds the service that it runs in
    # What coverage tools need to follow a kernel, and Windows its programs.
    *("COVERAGE_*", "SYSTEMROOT", "WINDIR", "COMSPEC", "PATHEXT", "APPDATA", "LOCALAPPDATA", "USERPROFILE"),
)
NEVER: Final = ("JUPYTER_TOKEN", "JUPYTERHUB_*", "*_TOKEN", "*_PASSWORD", "*_SECRET*", "*_API_KEY")


def for_kernels(environ: Mapping[str, str]) -> dict[str, str]:
    """Of these variables the ones that kernels get."""
    added = tuple(word for word in environ.get(ADDED_BY, "").replace(",", " ").split() if word)
    return {
        name: value
        for name, value in environ.items()
        if _matches(name, added) or (_matches(name, PASSED_ON) and not _matches(name, NEVER))
    }


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
