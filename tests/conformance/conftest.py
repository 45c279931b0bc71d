"""What of the conformance tests can be collected here.

`test_a_foreign_peer.py` needs the npm packages that package-lock.json names in node_modules beside it (`npm ci
--prefix tests/conformance`), because a test run must not need the network; without them it is not collected. The same
holds for `test_websocket_edge.py` and `kosoku`, which drives the Autobahn cases.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from shutil import which

collect_ignore = []
if which("node") is None or not Path(__file__).with_name("node_modules").is_dir():
    collect_ignore.append("test_a_foreign_peer.py")
if find_spec("kosoku") is None:
    collect_ignore.append("test_websocket_edge.py")
