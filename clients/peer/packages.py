"""The packages of a notebook: what it declares and has, adding and removing some, and agreeing to what it installs.

Packages asks the notebook's daemon, which installs; when that is done it declares them in the notebook, where it
declares the others, so nothing is declared that cannot be installed. (A project's file is the daemon's to write.) If
this peer ends in between, the kernel has a package that the notebook does not declare, which `add` of the same package
mends. Needs the role owner or editor.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from clients.peer.errors import HeaderChanged
from notebook_doc.environment_state import EnvironmentState, MissingModule, TrustState
from relay.requests import AddPackages, ApproveDependencies, RemovePackages, SyncEnvironment

if TYPE_CHECKING:
    from clients.peer.notebook import Notebook

# Seconds that an install may take: large packages over a slow line.
INSTALL_SECONDS: Final = 3600.0
# Seconds for what an answer is about to arrive; where RuntimeDoc was started afresh meanwhile it never does, by heads.
ARRIVAL_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class PackageChange:
    """What came of adding or removing packages.

    `status`: "live" (the running kernel has them), "ready" (the next kernel will), "restart_needed" (`why` says what
    stands in the way; `restart_kernel` does it), "asks" (somebody has to approve first).
    """

    status: str
    why: str = ""
    installed: dict[str, str] = field(default_factory=dict)


class Packages:
    """See the module. Reached as `notebook.packages`."""

    def __init__(self, notebook: Notebook) -> None:
        self._notebook = notebook

    def __repr__(self) -> str:
        declared = ", ".join(self.environment.declared) or "none declared"
        return f"<packages of notebook {self._notebook.id}: {declared}>"

    @property
    def environment(self) -> EnvironmentState:
        """Where the notebook runs, what it declares and has, and what is being done."""
        return self._notebook.runtime.environment()

    @property
    def trust(self) -> TrustState:
        """Whether what it declares may be installed, and if not yet, everything that would be."""
        return self._notebook.runtime.trust()

    @property
    def missing(self) -> list[MissingModule]:
        """The modules that cells could not import, with the packages that probably bring them."""
        return self._notebook.runtime.missing()

    def list(self) -> dict[str, str]:
        """Declared package -> installed version; empty where it is not installed yet."""
        told = self.environment
        versions = {name: told.installed.get(name, "") for name in sorted(told.installed)}
        return {**{one: "" for one in told.declared if _name(one) not in told.installed}, **versions}

    async def add(self, *packages: str, only_approved: bool = False) -> PackageChange:
        """Install requirements ("pandas>=2") and declare them. Raises RequestFailed with the installer's words.

        What somebody has to approve first ("asks") is declared, so that they are asked; with `only_approved` it is not.
        """
        return await self._change(AddPackages(packages=list(packages)), declare_asking=not only_approved)

    async def remove(self, *names: str) -> PackageChange:
        """Declare these no longer. The running kernel keeps what it has until it is restarted."""
        return await self._change(RemovePackages(packages=list(names)))

    async def sync(self, *, restart: bool = False) -> PackageChange:
        """Bring the environment in line with what is declared, with `restart` by a fresh kernel if need be."""
        answer = await self._ask(SyncEnvironment(restart=restart))
        return PackageChange(answer["status"], answer["why"])

    async def look(self) -> PackageChange:
        """Have the daemon look again at what is declared, and install nothing: "in_sync", "differs" or "asks"."""
        answer = await self._ask(SyncEnvironment(install=False))
        return PackageChange(answer["status"], answer["why"])

    async def approve(self, *, remember: bool = False) -> None:
        """Agree to install what `trust` says now. With `remember`, to each of these packages in any notebook."""
        trust = self.trust
        heads = [bytes.fromhex(head) for head in trust.heads]
        await self._notebook.request(ApproveDependencies(digest=trust.digest, heads=heads, remember=remember))

    async def _change(self, body: AddPackages | RemovePackages, *, declare_asking: bool = True) -> PackageChange:
        answer = await self._ask(body)
        wanted = declare_asking or answer["status"] != "asks"
        if wanted and answer["declare"] is not None:  # else it is declared in a file, which the daemon has written
            declare(self._notebook, answer["declare"])
        return PackageChange(answer["status"], answer["why"], dict(answer["installed"]))

    async def _ask(self, body: AddPackages | RemovePackages | SyncEnvironment) -> dict[str, Any]:
        """The answer, once what it is about can be read here."""
        answer = await self._notebook.request(body, timeout=INSTALL_SECONDS)
        heads = tuple(answer["heads"])
        await self._notebook.until(lambda: self._notebook.runtime.replica.contains(heads), ARRIVAL_SECONDS)
        return answer


def declare(notebook: Notebook, told: dict[str, Any]) -> None:
    """Write into the notebook what the daemon's answer says: the list in its metadata, or the header in a cell.

    Raises HeaderChanged if somebody has edited that header since; the packages are installed then and not declared.
    """
    if "cell_id" not in told:
        notebook.set_metadata(declared(notebook.metadata, told["place"], told["add"], told["remove"]))
        return
    cell_id = told["cell_id"]
    source = notebook.doc.source(cell_id) if cell_id in notebook.doc else ""
    if told["old"] not in source:
        raise HeaderChanged(cell_id)
    with notebook.edit():
        notebook.doc.set_source(cell_id, source.replace(told["old"], told["new"], 1))


def declared(metadata: dict[str, Any], place: list[str], add: list[str], remove: list[str]) -> dict[str, Any]:
    """The metadata with the list of dependencies at `place` changed; tables on the way are made."""
    metadata = dict(metadata)
    table = metadata
    for key in place:
        inner = table.get(key)
        table[key] = dict(inner) if isinstance(inner, dict) else {}
        table = table[key]
    before = table.get("dependencies")
    kept = [one for one in before if one not in remove and one not in add] if isinstance(before, list) else []
    table["dependencies"] = [*kept, *add]
    return metadata


def _name(requirement: str) -> str:
    head = requirement
    for mark in "<>=!~[;@ ":
        head = head.partition(mark)[0]
    return head.strip().lower().replace("_", "-").replace(".", "-")
