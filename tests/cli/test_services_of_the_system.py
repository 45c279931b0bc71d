"""The texts by which systems start Quire at login, and what `quire doctor` says."""

from __future__ import annotations

import plistlib
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from clients.cli import service_unit
from clients.cli.doctor import Finding, doctor
from clients.cli.service_unit import installation, launch_agent, scheduled_task, systemd_unit
from tests.cli.services import Home

STATE = Path("/home/ada/a folder/50%")
COMMAND = ["/usr/bin/python3", "-P", "-m", "clients.cli.main", "up", "--no-browser"]


def test_the_systemd_unit_restarts_what_fails_and_lets_it_end_cleanly() -> None:
    unit = systemd_unit(COMMAND, STATE)
    assert 'ExecStart="/usr/bin/python3" "-P" "-m" "clients.cli.main" "up" "--no-browser"' in unit
    assert 'Environment="QUIRE_HOME=/home/ada/a folder/50%%"' in unit
    for line in ("Restart=on-failure", "KillMode=mixed", "TimeoutStopSec=60", "WantedBy=default.target"):
        assert line in unit.splitlines()


def test_the_launch_agent_is_a_property_list() -> None:
    told = plistlib.loads(launch_agent(COMMAND, Path("/Users/a & b")).encode())
    assert told["ProgramArguments"] == COMMAND
    assert told["EnvironmentVariables"] == {"QUIRE_HOME": "/Users/a & b"}
    assert told["RunAtLoad"] is True
    assert told["KeepAlive"] == {"SuccessfulExit": False}


def test_the_scheduled_task_is_xml_and_runs_at_logon() -> None:
    root = ET.fromstring(scheduled_task(COMMAND, Path("C:/Users/a & b")).encode("utf-16"))
    name = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
    assert root.find(f"{name}Triggers/{name}LogonTrigger") is not None
    arguments = root.findtext(f"{name}Actions/{name}Exec/{name}Arguments") or ""
    assert "QUIRE_HOME=C:/Users/a & b" in arguments
    assert "clients.cli.main up --no-browser" in arguments


def test_each_system_is_told_in_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    places = {platform: installation(STATE, platform, tmp_path).path for platform in ("linux", "darwin", "win32")}
    assert places["linux"] == tmp_path / ".config" / "systemd" / "user" / "quire.service"
    assert places["darwin"] == tmp_path / "Library" / "LaunchAgents" / "io.quire.service.plist"
    assert places["win32"].suffix == ".xml"


@pytest.mark.skipif(sys.platform != "linux", reason="systemd's own")
def test_installing_writes_the_unit_and_uninstalling_removes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("QUIRE_HOME", str(tmp_path / "state"))
    told: list[list[str]] = []

    def run(command: list[str]) -> object:
        told.append(list(command))
        return __import__("subprocess").CompletedProcess(command, 0, "active", "")

    monkeypatch.setattr(service_unit, "_run", run)  # this machine may have no session of systemd
    assert service_unit.install() == 0
    unit = tmp_path / "systemd" / "user" / "quire.service"
    assert "clients.cli.main" in unit.read_text()
    assert told[-1] == ["systemctl", "--user", "enable", "--now", "quire"]
    assert service_unit.status() == 0
    assert service_unit.uninstall() == 0
    assert not unit.exists()
    assert service_unit.uninstall() == 0


def test_the_doctor_names_what_is_broken_and_how_to_mend_it(capsys: pytest.CaptureFixture[str]) -> None:
    def _tyres() -> Finding:
        return Finding("tyres", "broken", "flat", "Pump.")

    def _lamp() -> Finding:
        raise OSError("no bulb")

    assert doctor([_tyres]) == 1
    assert doctor([_lamp]) == 1
    assert doctor([lambda: Finding("bell", "missing", "none", "Buy one.")]) == 0
    said = capsys.readouterr().out
    assert "BROKEN   tyres: flat\n         Pump." in said
    assert "BROKEN   lamp: OSError: no bulb" in said
    assert "missing  bell: none\n         Buy one." in said


def test_the_doctor_finds_this_installation_sound(home: Home) -> None:
    ran = home.quire("doctor")
    assert ran.returncode == 0, ran.stdout
    assert "ok       kernel python3" in ran.stdout
    assert "missing  service: none runs" in ran.stdout
