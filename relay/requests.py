"""What can be asked about a notebook, of whom, and what comes back: the bodies of a `relay.messages.Request`.

Each says who serves it, the hub or the notebook's daemon, and what the `result` of the Response holds. Whoever may run
cells may ask; some are for viewers too (FOR_VIEWERS), some for owners and editors alone (FOR_EDITORS).
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

Stdin = Literal["prompt", "eof"]
Bring = Literal["nothing", "stale", "dependents"]
ChangeHash = bytes  # 32 bytes


class Execute(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="execute"):
    """Run these cells in this order. Served by the daemon.

    At most one of `cell_ids`, `above` and `below` is given; without any, every code cell runs. `above` names a cell and
    means the code cells before it, `below` the named cell and the code cells after it. What is not listed by id runs in
    notebook order, and cells without text are left out.

    `stdin` says what becomes of `input()`: "prompt" asks the notebook's peers (see AnswerInput), "eof" ends the input
    at once, so that it raises EOFError. None means "eof" for an agent, "prompt" for everybody else.

    `bring` says what comes along (see docs/dataflow.md): "nothing", "stale" for cells upstream that are not ready, or
    "dependents" for those and everything downstream. None is what the notebook's mode says. `plan_id` runs a plan that
    PlanRun or a request in the mode `cascade` has shown, instead of cells that are named here; it is made again first,
    and refused (`plan_gone`) if it is not known, was used, or would run cells that it did not show.

    `cache` says whether results may be restored where the notebook keeps them: True, False (run anew), or None, which
    is True for cells that are not fresh: whoever runs a fresh cell again wants it run.

    Result: {"execution_ids": [str]}, in the order of the cells; a cell that was already queued keeps its execution.
    Where there is something to say: "brought" [cell id] came along, "refused" {cell id: [message]} does not run because
    of its problems (`cell_has_problem` if all are), "plan" (see PlanRun) waits to be confirmed and nothing runs yet.
    """

    cell_ids: list[str] | None = None
    above: str | None = None
    below: str | None = None
    stdin: Stdin | None = None
    bring: Bring | None = None
    plan_id: str | None = None
    cache: bool | None = None


class PlanRun(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="plan_run"):
    """What Execute with the same fields would run, and why; nothing runs. By the daemon.

    Result: {"id", "targets": [cell id], "bring", "steps", "cell_ids": [cell id], "brought": [cell id],
    "estimated_ms"}: steps are in the order in which they run, each {"cell_id", "reason": "target" | "stale" |
    "missing" | "dependent", "causes", "estimated_ms": float or None, "refused": [problem]}. `id` is the same for the
    same plan, and good for one Execute with it as `plan_id`.
    """

    cell_ids: list[str] | None = None
    above: str | None = None
    below: str | None = None
    bring: Bring | None = None


class ImpactOf(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="impact_of"):
    """What an edit of a cell, or its deletion, would make stale. By the daemon.

    Result: {"cell_id", "upstream": [step], "downstream": [cell id], "broken": [cell id], "estimated_ms"}: `upstream`
    would have to run before it, `broken` are those downstream that would lack a name if the cell were deleted, and the
    estimate is for running all that is downstream.
    """

    cell_id: str


class ExecuteCode(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="execute_code"):
    """Run code in the notebook's kernel without a cell, when its turn has come in the same queue. By the daemon.

    In a "copy" of the notebook's namespace rebinding a name is forgotten afterwards, and changing an object is not;
    kernels of other languages than Python know only their "own" one and refuse a copy with `bad_request`. After
    `timeout` seconds from when it begins, it alone is interrupted. `stdin` None means "eof".

    Result: {"execution_ids": [str]}, one. It is an execution on record as a cell's, with `cell_id` "": its outputs come
    with RuntimeDoc, Interrupt and Stop name it.
    """

    code: str
    namespace: Literal["own", "copy"] = "copy"
    timeout: float | None = None
    stdin: Stdin | None = None


class Interrupt(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="interrupt"):
    """Interrupt this execution if it is running, cancel it if it is queued; nothing else is touched. By the daemon.

    Result: {"status": the execution's status when the request was served}.
    """

    execution_id: str


class Stop(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="stop"):
    """Stop several executions in one go: those that wait are cancelled, and (`running`) the one that runs is
    interrupted. By the daemon.

    `execution_ids` names them, whoever asked for them. Without it, `whose` says: "mine" withdraws what the asking peer
    wants, so that what another peer wants too goes on; "all" means everything.

    Result: {"execution_ids": [str]}: what was cancelled or interrupted.
    """

    execution_ids: list[str] | None = None
    whose: Literal["mine", "all"] = "mine"
    running: bool = True


class ClearOutputs(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="clear_outputs"):
    """These cells (None: all) show no outputs and no count any more, as if they had not run. By the daemon.

    The kernel keeps what they left there, and their executions stay on record. A cell that runs or waits is let be.
    Result: {"cell_ids": [str]}: those that showed something.
    """

    cell_ids: list[str] | None = None


class AnswerInput(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="answer_input"):
    """Answer the prompt on this execution's record. By the daemon. `value` None ends the input, as Ctrl-D does.

    The first answer counts; later ones fail with `prompt_gone`. Result: {}.
    """

    execution_id: str
    prompt_id: str
    value: str | None


class Complete(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="complete"):
    """What can stand at the cursor (in code points) in this code. By the daemon, from the kernel that runs.

    Result: {"start": int, "end": int, "matches": [{"text", "type", "signature"}]}: a match replaces what stands from
    `start` to `end`; type and signature are empty where the kernel does not say. Like Inspect, SignatureHelp and
    KernelHistory it fails with `no_kernel`, `kernel_busy`, or `superseded` by a newer question of this kind and peer.
    """

    code: str
    cursor: int


class Inspect(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="inspect"):
    """What stands at the cursor; `detail` 1 asks for more, its source for example. By the daemon.

    Result: {"found": bool, "text": str, "data": {MIME type: str}}; `text` is plain, without colours.
    """

    code: str
    cursor: int
    detail: Literal[0, 1] = 0


class SignatureHelp(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="signature_help"):
    """How the call that the cursor is in is called. By the daemon.

    Result: {"found": bool, "signature": str, "argument": int, "keyword": str or None, "documentation": str}:
    `argument` is the one that the cursor is in, counted from 0, `keyword` its name if it was written.
    """

    code: str
    cursor: int


class KernelHistory(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="kernel_history"):
    """The latest `n` inputs that the kernel remembers, or of those the ones that match a glob `pattern`. By the daemon.

    Result: {"entries": [{"session": int, "line": int, "source": str}]}, oldest first; session 0 is the present one.
    """

    n: int = 100
    pattern: str | None = None
    unique: bool = False


class ListVariables(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="list_variables"):
    """Which variables a Python kernel has, beside whatever it runs. By the daemon, from the kernel that runs.

    Result: {"variables": [{"name", "type", "shape": [int] or None, "length": int or None, "text"}], "left_out": int},
    in the order in which they were first bound, without modules, private names and what IPython adds. `text` is the
    repr in short, empty for arrays and tables. Fails as Complete does, and with `kernel` where that is no IPython.
    """


class Format(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="format"):
    """How this code of a cell would be formatted: Python by ruff, the rest as it is. By the daemon, without a kernel.

    Result: {"code": str, "why": str, "taken": bool}: `why` says why the code is as it was, where it could not be
    formatted. The asking peer writes the difference. Two peers that write the same difference to one cell would write
    it twice, so who names the cell is told that it is `taken`, and gets the code as it was, for the seconds in which a
    peer that asked before may still write. Fails with `cannot_format` where there is no ruff, it takes too long, or the
    code is too long.
    """

    code: str
    language: str = "python"
    cell_id: str | None = None


class ListKernels(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="list_kernels"):
    """Which kernels are installed where the daemon runs. By the daemon.

    Result: {"kernels": [{"name": str, "display_name": str, "language": str}]}. An editor chooses one by writing it to
    the notebook's metadata under `kernelspec`; the next kernel that starts is that one.
    """


class RestartKernel(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="restart_kernel"):
    """Start a fresh kernel; what was running or queued ends as `cancelled`. By the daemon. Result: {}.

    It and those after it run in `folder` (an absolute path); None: where the one before did, at first where the
    notebook's file lies.
    """

    folder: str | None = None


class ShutdownKernel(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="shutdown_kernel"):
    """Stop the kernel; what was running or queued ends as `cancelled`. By the daemon. Result: {}."""


class ApproveDependencies(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="approve_dependencies"):
    """Agree that what the notebook declares is installed on the daemon's machine. By the daemon, from owners and
    editors, and not from agents.

    `digest` and `heads` are what RuntimeDoc's `trust` said when it was shown; if it would be something else by now the
    answer is `stale_approval`. `remember` agrees to each of these packages in any notebook from now on. Result: {}.
    """

    digest: str
    heads: list[ChangeHash]
    remember: bool = False


class AddPackages(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="add_packages"):
    """Install these packages (requirements, `"pandas>=2"`) for the notebook. By the daemon, from owners and editors.

    Result: {"status", "why", "installed": {name: version}, "heads": [hash of RuntimeDoc],
    "declare": {"place": [key], "add": [str], "remove": [str]} | {"cell_id", "old", "new"} | null}.
    "live": the running kernel has them; "restart_needed", and `why`; "ready": the next kernel will; "asks": an agent
    asked, and somebody has to approve. The asking peer then declares them: of the list `dependencies` at `place` in
    the notebook's metadata it takes out `remove` and puts `add` at the end; or in the source of a cell it makes the
    PEP 723 header `old` into `new`, unless the source has no `old` any more. Null: a project's file declares them,
    which the daemon has written; for an agent that needs an approval it is not. If it fails (`environment`, with the
    installer's words), nothing has changed and there is nothing to declare.
    """

    packages: list[str]


class RemovePackages(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="remove_packages"):
    """Do without these packages, by name. By the daemon, from owners and editors. Result: as of AddPackages."""

    packages: list[str]


class SyncEnvironment(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="sync_environment"):
    """Look again at what is declared and bring the environment in line with it. By the daemon, from owners and editors.

    With `restart` the kernel is restarted where that is needed. Result: {"status": "in_sync" | "live" | "restarted" |
    "restart_needed" | "ready" | "asks", "why": str, "heads": [hash]}; RuntimeDoc says more at these heads.
    """

    restart: bool = False
    install: bool = True  # False: only look, and say how it stands; status is "in_sync", "differs" or "asks"


class CommOpen(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="comm_open"):
    """Open a comm to the kernel, as a front end that makes a widget does. By the daemon. Result: as of CommSend.

    `comm_id` is made up if it is empty. `data` and `buffers` are those of Jupyter's comm_open; so is `metadata`, which
    for a widget names the protocol: {"version": "2.1.0"}.
    """

    target_name: str
    comm_id: str = ""
    data: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    buffers: list[bytes] = []


class CommSend(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="comm_send"):
    """Send a comm_msg to the kernel, and if it updates a widget's state, write that for everybody. By the daemon.

    `data` is the widget protocol's: {"method": "update", "state", "buffer_paths"} or {"method": "custom", "content"};
    for a comm that is no widget it is anything. The order in which the daemon gets these is the order for everybody.
    Result: {"comm_id": str, "heads": [hash]}: what it changed is in RuntimeDoc at these heads.
    """

    comm_id: str
    data: dict[str, Any]
    buffers: list[bytes] = []


class CommClose(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="comm_close"):
    """Close a comm, here and in the kernel. By the daemon. Result: as of CommSend."""

    comm_id: str
    data: dict[str, Any] = {}


class WidgetCode(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="widget_code"):
    """The AMD module that draws a widget in a browser, as the environment of the running kernel installs it. By the
    daemon, for viewers too.

    `module` is a package and a file of it without `.js`: "bqplot/index". Result: {"blob": str, "size": int}, a blob of
    the hub. Fails with `no_widget_code` where the environment has none, whatever else the name points to.
    """

    module: str


class Save(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="save"):
    """Write the notebook's file now. By the hub. Result: {"path": str, "heads": [hash]}."""


class Writers(msgspec.Struct, frozen=True, kw_only=True, tag_field="method", tag="writers"):
    """Who wrote what of this notebook, and when, as the hub noted it since this time. By the hub, for viewers too.

    Result: {"authors": [{"peer_id": str, "name": str, "kind": str}], "spans": [[actor: bytes, from_seq: int, author:
    int, time: float, brought: bool]], "time": float}. The changes of an actor from a number on are by the author of
    that index and came at that time (seconds since 1970), to the minute; `brought`: it had them when it connected. An
    author may also be of the kind "file", for what the hub read from the notebook's file, or "unknown". The last
    `time` is the hub's clock.
    """

    since: float = 0.0


RequestBody = (
    Execute
    | PlanRun
    | ImpactOf
    | ExecuteCode
    | Interrupt
    | Stop
    | AnswerInput
    | ClearOutputs
    | Complete
    | Inspect
    | ListVariables
    | SignatureHelp
    | KernelHistory
    | Format
    | ListKernels
    | RestartKernel
    | ShutdownKernel
    | ApproveDependencies
    | AddPackages
    | RemovePackages
    | SyncEnvironment
    | CommOpen
    | CommSend
    | CommClose
    | WidgetCode
    | Save
    | Writers
)
SERVED_BY_HUB: Final[tuple[type, ...]] = (Save, Writers)
FOR_VIEWERS: Final[tuple[type, ...]] = (Writers, PlanRun, ImpactOf, WidgetCode)
# What decides about the notebook and the machine, not only about a run: owners and editors may ask for it.
FOR_EDITORS: Final[tuple[type, ...]] = (ApproveDependencies, AddPackages, RemovePackages, SyncEnvironment)
