"""JupyterLab as a server under test: `python jupyterlab_server.py FOLDER`, in an environment that has it.

Nothing of Quire is imported here. It ends with its standard input.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

TOKEN = "benchmark"


def main(folder: str) -> None:
    """Serve `folder` until standard input is closed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [f"--ServerApp.port={port}", f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}"]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", *options]
    child = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "HOME": folder}
    )
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api?token={TOKEN}", timeout=1).close()
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        print(json.dumps({"port": port, "token": TOKEN}), flush=True)
        sys.stdin.read()
    finally:
        child.terminate()
        child.wait(10)


if __name__ == "__main__":
    main(sys.argv[1])
