"""`python -m benchmarks [NAME …]`, names as in `NAMES`: what Quire costs.

Prints tables and asserts nothing: times depend on the machine and on who else uses it, so compare within one table.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from benchmarks import fan_out as fans
from benchmarks.agents import agents
from benchmarks.beside_agents import beside_agents
from benchmarks.contenders import Contender, Hub, OpaqueRelay
from benchmarks.dataflow import dataflow
from benchmarks.day import day
from benchmarks.durable import durable
from benchmarks.environments import environments
from benchmarks.opening import opening
from benchmarks.others import others
from benchmarks.page import CELLS, page
from benchmarks.page_at_work import page_at_work
from benchmarks.report import machine, print_table
from benchmarks.running import run_cells
from benchmarks.servers.until_stdin_closes import run

NAMES = ("fan_out", "open", "durable", "running", "agents", "beside_agents", "day", "dataflow", "page", "environments")


def main(arguments: Sequence[str]) -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("which", nargs="*", metavar="|".join(NAMES), help="all of them if none is named")
    parser.add_argument("--only", choices=("ours",), help="nothing that has to be installed: the hub and the relay")
    parser.add_argument("--peers", type=int, nargs="*", default=[2, 10, 50], help="numbers of peers for fan_out")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="fan_out without the search for the highest rate, running with fewer rounds, a short day",
    )
    options = parser.parse_args(arguments)
    unknown = set(options.which) - set(NAMES)
    if unknown:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    which = options.which or NAMES
    print(f"{machine()}. Compare within a table only.")
    if "durable" in which:
        run(durable())
    if "open" in which:
        run(opening())
    if "running" in which:
        run(run_cells(20, 1) if options.quick else run_cells())
    if "agents" in which:
        run(agents(10) if options.quick else agents())
    if "beside_agents" in which:
        run(beside_agents(2) if options.quick else beside_agents())
    if "day" in which:
        run(day(quick=options.quick))
    if "page" in which:
        page((100,) if options.quick else CELLS, only_ours=options.only is not None)
        page_at_work()
    if "dataflow" in which:
        dataflow()
    if "environments" in which:
        run(environments(1 if options.quick else 5))
    if "fan_out" in which:
        contenders = [Hub(), OpaqueRelay(), *([] if options.only else others())]
        run(_fan_out(contenders, options.peers, quick=options.quick))


async def _fan_out(contenders: Sequence[Contender], numbers: Sequence[int], *, quick: bool) -> None:
    rows = []
    for peers in numbers:
        for typing in (1, peers):
            outcomes = await fans.fan_out(contenders, peers, typing, search=not quick)
            rows += [fans.row(contender.name, peers, typing, outcomes[contender.name]) for contender in contenders]
    only_hub = await fans.fan_out([contenders[0]], 200, 200, search=not quick)
    rows.append(fans.row(contenders[0].name, 200, 200, only_hub[contenders[0].name]))
    print_table("From one peer's keystroke to every other peer", fans.HEADER, rows)


if __name__ == "__main__":
    main(sys.argv[1:])
