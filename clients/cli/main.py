"""The `quire` command: reads the command line and hands over to the module that does it.

Every command's modules are imported when it is the one that was asked for, so that a short question has a short answer.
Errors that were foreseen print as two lines, what happened and what to do, and end with the code in `errors`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from clients.cli.errors import INTERRUPTED, CliError

_EPILOG = """\
exit codes:
  0  all went well            4  the path is no notebook that can be opened
  1  a cell failed (run)      5  the service cannot start
  2  wrong arguments          6  the service does not answer, or refused
  3  no service runs here     7  not approved (trust --show)
                              130  interrupted

The state of a service is in $QUIRE_HOME, or else in the user's state folder; services under different folders do not
see each other.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line (this process's, unless given); returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        code = _run(options)
        sys.stdout.flush()
        return code
    except CliError as error:
        print(f"quire: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"       {error.hint}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `quire logs | head`: nobody wants the rest, also not at the interpreter's own flush
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(options: argparse.Namespace) -> int:
    match options.command:
        case "up":
            from clients.cli.up import up

            return up(
                options.path,
                port=options.port,
                browser=not options.no_browser,
                create=options.create,
                detach=options.detach,
            )
        case "open":
            from clients.cli.service import running_service, state_folder
            from clients.cli.up import open_here

            service = running_service(state_folder())
            browser = not options.no_browser
            return open_here(options.path, create=options.create, browser=browser, role=options.role, service=service)
        case "run":
            from clients.cli.run import Limits, run

            return run(options.path, options.output, Limits(options.timeout, options.allow_errors), trust=options.trust)
        case "status" | "ps":
            from clients.cli.show import ps, status

            return (status if options.command == "status" else ps)(as_json=options.json)
        case "history":
            from clients.cli.history import history

            return history(options.path, options.number, as_json=options.json)
        case "diff":
            from clients.cli.history import difference

            return difference(options.path, options.a, options.b, as_json=options.json)
        case "restore":
            from clients.cli.history import restore

            return restore(options.path, options.moment, options.cell)
        case "logs":
            from clients.cli.logs import logs

            return logs(options.lines, follow=options.follow)
        case "env":
            return _environments(options)
        case "add" | "remove":
            from clients.cli import packages

            return (packages.add if options.command == "add" else packages.remove)(options.packages, options.notebook)
        case "trust":
            from clients.cli.packages import trust

            return trust(options.notebook, show=options.show, remember=options.remember)
        case "settings":
            from clients.cli import settings_command

            if options.action == "set":
                return settings_command.set_(options.name, options.value)
            return settings_command.get(options.name)
        case "doctor":
            from clients.cli.doctor import doctor

            return doctor()
        case "service":
            from clients.cli import service_unit

            actions = {"install": service_unit.install, "status": service_unit.status}
            return actions.get(options.action, service_unit.uninstall)()
        case "stop":
            from clients.cli.stop import stop

            return stop(options.timeout)
        case "relay":
            from clients.cli.relay_command import relay

            return relay(options.listen, options.to)
        case "servers" | "notebooks":
            from clients.cli.finding import notebooks, servers

            return (servers if options.command == "servers" else notebooks)(as_json=options.json)
        case "mcp":
            from clients.cli.mcp_command import mcp

            return mcp(options.name)
        case "undo":
            from clients.cli.undo import undo

            return undo(options.notebook, by=options.by, change=options.change)
        case "exec":
            from clients.cli.exec_command import execute

            return execute(
                options.code,
                options.file,
                notebook=options.notebook,
                timeout=options.timeout,
                whole=options.all,
                own=options.own,
                result=options.result,
            )
        case "graph" | "plan" | "profile":
            return _dataflow(options)
        case "skill":
            from clients.cli.skill import skill

            return skill()
        case "supervise":
            from clients.cli.supervise import supervise

            return supervise(while_stdin_open=options.while_stdin_open)
        case "serve-hub":
            from clients.cli.serve_hub import main as serve_hub

            return serve_hub()
        case "serve-daemon":
            from clients.cli.serve_daemon import main as serve_daemon

            return serve_daemon()
        case "serve-agents":
            from clients.cli.serve_agents import main as serve_agents

            return serve_agents()
        case unknown:
            raise AssertionError(f"the parser knows a command {unknown!r} that this function does not")


def _dataflow(options: argparse.Namespace) -> int:
    from clients.cli import graph_command

    if options.command == "graph":
        return graph_command.graph(options.path, as_json=options.json, check=options.check)
    if options.command == "plan":
        return graph_command.plan(options.path, options.cell, options.bring, as_json=options.json)
    return graph_command.profile(options.path, as_json=options.json)


def _environments(options: argparse.Namespace) -> int:
    if options.action == "show":
        from clients.cli.packages import show_environment

        return show_environment(options.notebook, as_json=options.json)
    from clients.cli import environments

    if options.action == "list":
        return environments.list_environments(as_json_=options.json)
    return environments.clean(dry_run=options.dry_run)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="quire",
        description="A local-first notebook service: people, programs and kernels in one live notebook.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, help="print the version and end")
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)

    up = commands.add_parser("up", help="run the service in this terminal and open a notebook in it")
    up.add_argument("path", nargs="?", type=Path, help="a notebook (.ipynb); without one only the service is started")
    up.add_argument("--port", type=_port, default=0, help="where the hub listens on 127.0.0.1 (default: any free port)")
    up.add_argument("--create", action="store_true", help="make the notebook if there is none")
    up.add_argument("--no-browser", action="store_true", help="only print the link")
    up.add_argument("--detach", action="store_true", help="run the service in the background instead")

    open_ = commands.add_parser("open", help="open a notebook in the service that runs")
    open_.add_argument("path", type=Path, help="a notebook (.ipynb)")
    open_.add_argument("--create", action="store_true", help="make the notebook if there is none")
    open_.add_argument("--no-browser", action="store_true", help="only print the link")
    what = "what the page may do: edit and run, run alone, or only read (default: editor)"
    open_.add_argument("--role", choices=("editor", "runner", "viewer"), default="editor", help=what)

    run = commands.add_parser("run", help="execute a notebook from top to bottom and save it")
    run.add_argument("path", type=Path, metavar="IN.ipynb", help="the notebook")
    run.add_argument(
        "-o", "--output", type=Path, metavar="OUT.ipynb", help="execute a copy; without it, the notebook itself"
    )
    run.add_argument("--timeout", type=_seconds, metavar="S", help="seconds that each cell may take (default: any)")
    run.add_argument("--allow-errors", action="store_true", help="go on after a cell that fails")
    run.add_argument("--trust", action="store_true", help="approve what the notebook installs, and print it")

    for name, what in (("status", "what runs, and where"), ("ps", "open notebooks, their peers and kernels")):
        command = commands.add_parser(name, help=what)
        command.add_argument("--json", action="store_true", help="for programs; the fields are in docs/operations.md")

    named = "number, ~1 (counted back), beginning of an id, time (14:05, yesterday, 2026-01-31 14:05), or version"
    past = commands.add_parser("history", help="the moments of a notebook's life, newest first: when, who, what")
    past.add_argument("path", type=Path, help="a notebook (.ipynb)")
    past.add_argument("-n", "--number", type=_count, default=30, metavar="N", help="the last N moments (default: 30)")
    past.add_argument("--json", action="store_true", help="for programs, all of them")

    diff = commands.add_parser("diff", help="what differs between two moments of a notebook, or two files")
    diff.add_argument("path", type=Path, help="a notebook (.ipynb)")
    diff.add_argument("a", nargs="?", metavar="A", help=f"a moment (default: ~1): {named}; or another file")
    diff.add_argument("b", nargs="?", metavar="B", help="another moment (default: the notebook as it is)")
    diff.add_argument("--json", action="store_true", help="for programs")

    restore = commands.add_parser("restore", help="make a notebook, or cells of it, what they were, as a new edit")
    restore.add_argument("path", type=Path, help="a notebook (.ipynb)")
    restore.add_argument("moment", metavar="MOMENT", help=named)
    restore.add_argument("--cell", action="append", default=[], metavar="ID", help="only this cell; may be repeated")

    logs = commands.add_parser("logs", help="what the service has logged")
    logs.add_argument("-f", "--follow", action="store_true", help="go on as more comes")
    logs.add_argument("-n", "--lines", type=_count, default=50, metavar="N", help="the last N lines (default: 50)")

    stop = commands.add_parser("stop", help="save everything and stop the service")
    stop.add_argument("--timeout", type=_seconds, default=60.0, metavar="S", help="seconds to wait (default: 60)")

    _add_environments(commands)

    relay = commands.add_parser("relay", help="pipe frames from one address to another")
    relay.add_argument("--listen", required=True, metavar="ENDPOINT", help="ws://127.0.0.1:PORT, unix:/PATH or stdio:")
    relay.add_argument("--to", required=True, metavar="ENDPOINT", help="ws://HOST:PORT/PATH, wss://…, unix:/PATH")

    for name, what in (
        ("servers", "the services of this user that run"),
        ("notebooks", "the notebooks that are known"),
    ):
        command = commands.add_parser(name, help=what)
        command.add_argument("--json", action="store_true", help="for programs; the fields are in docs/operations.md")

    mcp = commands.add_parser("mcp", help="agents' tools over standard input and output (Model Context Protocol)")
    mcp.add_argument("--name", help="what others see the agent as (default: what its client calls itself)")

    undo = commands.add_parser("undo", help="take back a change of a notebook as one")
    undo.add_argument("notebook", help="a notebook: path, id or address")
    which = undo.add_mutually_exclusive_group(required=True)
    which.add_argument("--by", metavar="NAME", help="the latest change by this peer of which anything is left")
    which.add_argument("--change", metavar="HASH", help="this change, by the beginning of its hash")

    exec_ = commands.add_parser("exec", help="run code in a notebook's kernel without a cell")
    code = exec_.add_mutually_exclusive_group()
    code.add_argument("-c", dest="code", metavar="CODE", help="the code")
    code.add_argument("file", nargs="?", help="a file with the code; - or nothing: standard input")
    code.add_argument("--result", metavar="EXECUTION", help="instead: all that this execution has said")
    exec_.add_argument("--notebook", metavar="N", help="path, id or address (default: the one that is open)")
    exec_.add_argument("--timeout", type=_seconds, metavar="S", help="interrupt it after so many seconds of running")
    exec_.add_argument("--all", action="store_true", help="print all that it says, however much")
    exec_.add_argument(
        "--own", action="store_true", help="in the notebook's own names, not a copy: what the code binds stays"
    )

    graph = commands.add_parser("graph", help="which cell depends on which, and what is wrong; reads the file alone")
    graph.add_argument("--check", action="store_true", help="end with 1 if there are problems")
    plan = commands.add_parser("plan", help="what running cells would run, in which order and why; nothing runs")
    plan.add_argument(
        "--bring", choices=("nothing", "stale", "dependents"), help="default: as the notebook's mode says"
    )
    profile = commands.add_parser("profile", help="how long each cell took when it last ran")
    for command in (graph, plan, profile):
        command.add_argument("path", type=Path, metavar="PATH")
        command.add_argument("--json", action="store_true", help="for programs; see docs/dataflow.md")
    plan.add_argument("cell", nargs="*", metavar="CELL", help="by its place, from 1, or its id (default: all)")

    commands.add_parser("skill", help="print how agents work here, for an agent to read")

    supervise = commands.add_parser("supervise")  # without help: what other commands start is not listed
    supervise.add_argument("--while-stdin-open", action="store_true")
    commands.add_parser("serve-hub")
    commands.add_parser("serve-daemon")
    commands.add_parser("serve-agents")
    return parser


def _add_environments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """What is about packages and the installation."""
    env = commands.add_parser("env", help="the environments that notebooks run in")
    actions = env.add_subparsers(dest="action", metavar="action", required=True)
    listed = actions.add_parser("list", help="what was built")
    shown = actions.add_parser("show", help="where a notebook runs, what it declares and has")
    shown.add_argument(
        "notebook", nargs="?", type=Path, help="default: the only one here, or the only one that is open"
    )
    for action in (listed, shown):
        action.add_argument("--json", action="store_true", help="for programs")
    clean = actions.add_parser("clean", help="remove what nobody uses")
    clean.add_argument("--dry-run", action="store_true", help="only say what that is")

    for name, what in (("add", "install packages for a notebook"), ("remove", "declare packages no longer")):
        command = commands.add_parser(name, help=what)
        command.add_argument("packages", nargs="+", metavar="PACKAGE", help="a name, or a requirement: 'pandas>=2'")
        command.add_argument("-n", "--notebook", type=Path, metavar="NOTEBOOK", help="default: the only one here")

    trust = commands.add_parser("trust", help="approve what a notebook installs")
    trust.add_argument(
        "notebook", nargs="?", type=Path, help="default: the only one here, or the only one that is open"
    )
    trust.add_argument("--show", action="store_true", help="only show it; the exit code is 7 if it is not approved")
    trust.add_argument("--remember", action="store_true", help="approve each of these packages in any notebook")

    settings = commands.add_parser("settings", help="what is set for all notebooks")
    actions = settings.add_subparsers(dest="action", metavar="action", required=True)
    get = actions.add_parser("get", help="print a setting, or all")
    get.add_argument("name", nargs="?")
    set_ = actions.add_parser("set", help="change one")
    set_.add_argument("name")
    set_.add_argument("value")

    commands.add_parser("doctor", help="check the installation and say how to mend it")

    service = commands.add_parser("service", help="start Quire whenever you log in")
    actions = service.add_subparsers(dest="action", metavar="action", required=True)
    for name, what in (("install", "do so"), ("status", "whether it is"), ("uninstall", "do so no longer")):
        actions.add_parser(name, help=what)


class _Version(argparse.Action):
    """Prints the version; looking it up costs what other commands need not pay."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, dest=argparse.SUPPRESS, default=argparse.SUPPRESS, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from clients.cli.version import version

        print(f"quire {version()}")
        parser.exit()


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is no port; ports are numbers from 0 (any free one) to 65535")
    return int(text)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of lines")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no time in seconds above zero")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
