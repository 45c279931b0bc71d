"""`quire service install|status|uninstall`: Quire as a service of the user's session, started at login.

What is written is text: a systemd user unit on Linux, a launch agent on macOS, a scheduled task on Windows. The texts
are pure functions of the command and the state folder; installing writes one and tells the system of it. Nothing is
installed for other users.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from clients.cli.errors import OK, CannotStart, NotRunning, ServiceFailed
from clients.cli.own_command import own_command
from clients.cli.service import state_folder

NAME: Final = "quire"
LABEL: Final = "io.quire.service"


@dataclass(frozen=True)
class Installation:
    """How a system is told: where the text goes, and the commands that make it known, ask after it and end it."""

    path: Path
    text: str
    begin: Sequence[Sequence[str]]
    ask: Sequence[str]
    end: Sequence[Sequence[str]]


def systemd_unit(command: Sequence[str], state: Path) -> str:
    """The unit. Stopping it is a clean end: files are saved, kernels end."""
    return f"""\
[Unit]
Description=Quire, live notebooks
After=network.target

[Service]
Type=simple
ExecStart={" ".join(map(_systemd_word, command))}
Environment={_systemd_word(f"QUIRE_HOME={state}")}
Restart=on-failure
RestartSec=2
KillMode=mixed
TimeoutStopSec=60

[Install]
WantedBy=default.target
"""


def launch_agent(command: Sequence[str], state: Path) -> str:
    """The property list of a launch agent."""
    words = "\n".join(f"    <string>{escape(word)}</string>" for word in command)
    return f"""\
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key><string>{LABEL}</string>
  <key>ProgramArguments</key>
  <array>
{words}
  </array>
  <key>EnvironmentVariables</key>
  <dict><key>QUIRE_HOME</key><string>{escape(str(state))}</string></dict>
  <key>RunAtLoad</key><true/>
  <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>
  <key>ExitTimeOut</key><integer>60</integer>
</dict>
</plist>
"""


def scheduled_task(command: Sequence[str], state: Path) -> str:
    """The definition of a task that runs at logon."""
    line = subprocess.list2cmdline(list(command))
    arguments = f'/d /c "set QUIRE_HOME={state}&& {line}"'
    return f"""\
<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <Triggers><LogonTrigger><Enabled>true</Enabled></LogonTrigger></Triggers>
  <Settings>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <RestartOnFailure><Interval>PT1M</Interval><Count>3</Count></RestartOnFailure>
  </Settings>
  <Actions><Exec><Command>cmd.exe</Command><Arguments>{escape(arguments)}</Arguments></Exec></Actions>
</Task>
"""


def installation(state: Path, platform: str = sys.platform, home: Path | None = None) -> Installation:
    """How it is done on this platform."""
    command, home = own_command("up", "--no-browser"), home or Path.home()
    if platform == "darwin":
        path = home / "Library" / "LaunchAgents" / f"{LABEL}.plist"
        load, unload = ["launchctl", "load", "-w", str(path)], ["launchctl", "unload", "-w", str(path)]
        return Installation(path, launch_agent(command, state), [load], ["launchctl", "list", LABEL], [unload])
    if platform == "win32":
        path = state / "quire-task.xml"
        create = ["schtasks", "/create", "/tn", NAME, "/xml", str(path), "/f"]
        end = [["schtasks", "/end", "/tn", NAME], ["schtasks", "/delete", "/tn", NAME, "/f"]]
        run = ["schtasks", "/run", "/tn", NAME]
        return Installation(
            path, scheduled_task(command, state), [create, run], ["schtasks", "/query", "/tn", NAME], end
        )
    config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    path = config / "systemd" / "user" / f"{NAME}.service"
    control = ["systemctl", "--user"]
    return Installation(
        path,
        systemd_unit(command, state),
        [[*control, "daemon-reload"], [*control, "enable", "--now", NAME]],
        [*control, "status", "--no-pager", NAME],
        [[*control, "disable", "--now", NAME], [*control, "daemon-reload"]],
    )


def install() -> int:
    """Write the unit and start it. Raises CannotStart; what was written stays, to be used by hand."""
    how = installation(state_folder())
    how.path.parent.mkdir(parents=True, exist_ok=True)
    how.path.write_text(how.text, encoding="utf-16" if how.path.suffix == ".xml" else "utf-8")
    print(f"Wrote {how.path}.")
    for command in how.begin:
        ran = _run(command)
        if ran.returncode != 0:
            said = (ran.stderr or ran.stdout).strip().splitlines()
            raise CannotStart(
                f"`{' '.join(command)}` failed: {said[-1] if said else ran.returncode}.",
                f"{how.path} is written; start it by hand, or run `quire up --detach` instead.",
            )
    print("Quire runs now, and whenever you log in.")
    return OK


def status() -> int:
    """Say whether it is installed, and what the system says of it. Raises NotRunning if it is not."""
    how = installation(state_folder())
    if not how.path.exists():
        raise NotRunning("Quire is not installed as a service.", "`quire service install` does that.")
    print(f"Installed: {how.path}")
    ran = _run(how.ask)
    print((ran.stdout or ran.stderr).strip())
    return OK


def uninstall() -> int:
    """Stop it and remove the unit. Raises ServiceFailed if the file cannot be removed."""
    how = installation(state_folder())
    if not how.path.exists():
        print("Quire is not installed as a service.")
        return OK
    for command in how.end:
        _run(command)
    try:
        how.path.unlink()
    except OSError as error:
        raise ServiceFailed(f"{how.path} cannot be removed: {error.strerror}.", "Remove it by hand.") from error
    print(f"Removed {how.path}.")
    return OK


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(list(command), 127, "", str(error))


def _systemd_word(word: str) -> str:
    """A word as systemd reads it: in quotes, with its own signs doubled."""
    told = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{told}"'
