"""What both documents have in common: a replica, and at most one open transaction on it.

A Document owns the transaction of the edit that is going on. Reading inside an edit sees what the edit has written so
far; edits inside an edit are part of it. Whatever goes wrong inside undoes all of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from notebook_doc.migrations import check_schema
from notebook_doc.replica import ROOT, Replica, Transaction
from notebook_doc.seed import genesis


class Document:
    """A view on a replica. Raises SchemaTooNew or WrongGenesis for a document that is not Quire's, or not yet."""

    def __init__(self, replica: Replica) -> None:
        check_schema(replica)
        self.replica = replica
        self._transaction: Transaction | None = None

    @property
    def notebook_id(self) -> str | None:
        """The notebook's UUID; None while only the seed is here."""
        return self.replica.string(ROOT, "notebook_id")

    @property
    def genesis(self) -> bytes | None:
        """The document's identity (16 bytes); None while only the seed is here."""
        return genesis(self.replica)

    @contextmanager
    def edit(self) -> Iterator[None]:
        """Everything inside becomes one change; an exception inside undoes it all and passes on."""
        if self._transaction is not None:
            yield
            return
        self._begin()
        try:
            with self.replica.transaction() as transaction:
                self._transaction = transaction
                try:
                    yield
                finally:
                    self._transaction = None
        except BaseException:
            self._undone()
            raise

    def _begin(self) -> None:
        """An edit begins."""

    def _undone(self) -> None:
        """An edit was undone."""

    @property
    def view(self) -> Replica | Transaction:
        """What reads see: inside an edit, what it has written so far."""
        return self._transaction or self.replica

    @property
    def transaction(self) -> Transaction:
        """The edit that is going on, for the modules that write other parts of the document."""
        return self._tx

    @property
    def _view(self) -> Replica | Transaction:
        return self.view

    @property
    def _tx(self) -> Transaction:
        assert self._transaction is not None, "edits happen inside edit()"
        return self._transaction
