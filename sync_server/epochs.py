"""A fresh start of RuntimeDoc that a daemon offers: is it what it says it is? Pure.

The hub stores and passes on whatever document a daemon offers as the next epoch, so it looks first whether it can be
read as one: a RuntimeDoc of this notebook, of that epoch, under that identity. Loading costs the document; it belongs
into a thread.
"""

from __future__ import annotations

from notebook_doc.errors import NotebookDocError
from notebook_doc.replica import Replica
from notebook_doc.runtime import RuntimeDoc
from relay.errors import ErrorCode, WireError
from relay.messages import NewRuntimeEpoch


def checked_epoch(notebook_id: str, offer: NewRuntimeEpoch) -> Replica:
    """The replica of an offered document. Raises WireError (wrong_epoch) if it is not what the offer says."""
    try:
        runtime = RuntimeDoc(Replica.load(offer.document))
        found = runtime.notebook_id, runtime.epoch, runtime.genesis
    except NotebookDocError as error:
        raise _refused(notebook_id, offer, f"it cannot be read: {error.message}") from error
    if found != (notebook_id, offer.epoch, offer.genesis):
        raise _refused(notebook_id, offer, f"it is epoch {found[1]} of notebook {found[0]}, or of another identity.")
    return runtime.replica


def refused_epoch(notebook_id: str, offer: NewRuntimeEpoch, present: int) -> WireError:
    """Why an epoch that is not later than the present one is not taken."""
    return _refused(notebook_id, offer, f"the hub has epoch {present} already, from this daemon or another.")


def _refused(notebook_id: str, offer: NewRuntimeEpoch, reason: str) -> WireError:
    return WireError(
        ErrorCode.WRONG_EPOCH,
        f"Epoch {offer.epoch} of the RuntimeDoc of notebook {notebook_id} was refused: {reason}",
        "Reconnect: the hub's epoch is in its welcome. One daemon serves a hub.",
    )
