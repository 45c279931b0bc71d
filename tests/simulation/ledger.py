"""Who typed what, who was told that it is safe, and what must therefore be in every replica at the end.

Equal replicas prove little: all may have lost the same text. So every author types tokens that exist once in the world
(`[A.17]`), each right after the author's last one in that cell, and the ledger, which owns nothing but this record, can
say of the final cells whether each token is there exactly once, in its cell, in its author's order. Excused are tokens
that somebody deleted, and those of an author who died before the hub had acknowledged them: these may be there or not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

from notebook_doc.cells import Cell
from notebook_doc.notebook import NotebookDoc

TOKEN = re.compile(r"\[([A-Za-z]+(?:\.\d+)?):(\d+)\]")


@dataclass(slots=True)
class Typed:
    """One token and what became of it."""

    author: str
    number: int
    cell_id: str
    change: bytes  # the hash of the change that holds it
    excused: bool = False


@dataclass
class Ledger:
    """See the module."""

    tokens: dict[str, Typed] = field(default_factory=dict)
    made_cells: dict[str, Typed] = field(default_factory=dict)
    deleted_cells: set[str] = field(default_factory=set)
    _numbers: dict[str, int] = field(default_factory=dict)

    # --- what people do -----------------------------------------------------------------------------------------------

    def act(self, doc: NotebookDoc, author: str, random: Random) -> None:
        """This author does something to the document, chosen at random; mostly typing."""
        cell_ids = doc.cell_ids()
        dice = random.random()
        if not cell_ids or dice < 0.08:
            self.add_cell(doc, author, after=random.choice([None, *cell_ids]))
        elif dice < 0.14:
            doc.move_cell(random.choice(cell_ids), after=random.choice(cell_ids))
        elif dice < 0.16 and len(cell_ids) > 1:
            self.delete_cell(doc, random.choice(cell_ids))
        elif dice < 0.24:
            self.remove_token(doc, random.choice(cell_ids), random)
        else:
            self.type(doc, author, random.choice(cell_ids), random)

    def add_cell(self, doc: NotebookDoc, author: str, *, after: str | None = None) -> str:
        """A new cell with a token in it."""
        token, typed = self._next(author, "")
        typed.cell_id = cell_id = f"{author}-{typed.number}"  # not drawn from the system, so that a seed repeats itself
        doc.add_cell(token, after=after, cell_id=cell_id)
        typed.change = doc.replica.heads()[0]
        self.made_cells[cell_id] = typed
        return cell_id

    def type(self, doc: NotebookDoc, author: str, cell_id: str, random: Random) -> str:
        """A token, after this author's last one in the cell or, if there is none, between any two others."""
        source = doc.source(cell_id)
        mine = [found.end() for found in TOKEN.finditer(source) if found[1] == author]
        places = [0, *(found.end() for found in TOKEN.finditer(source))]
        token, typed = self._next(author, cell_id)
        doc.splice_source(cell_id, mine[-1] if mine else random.choice(places), 0, token)
        typed.change = doc.replica.heads()[0]
        return token

    def remove_token(self, doc: NotebookDoc, cell_id: str, random: Random) -> None:
        """Somebody deletes a whole token, anybody's."""
        found = list(TOKEN.finditer(doc.source(cell_id)))
        if found:
            gone = random.choice(found)
            doc.splice_source(cell_id, gone.start(), len(gone[0]), "")
            self.tokens[gone[0]].excused = True

    def delete_cell(self, doc: NotebookDoc, cell_id: str) -> None:
        """Somebody deletes a cell with all that is in it."""
        doc.delete_cell(cell_id)
        self.deleted_cells.add(cell_id)

    def author_died(self, author: str, unsaved: Iterable[bytes]) -> None:
        """An author's memory is gone; `unsaved` are the hashes of those changes of which it never heard as safe."""
        lost = set(unsaved)
        for typed in self.tokens.values():
            if typed.author == author and typed.change in lost:
                typed.excused = True

    def _next(self, author: str, cell_id: str) -> tuple[str, Typed]:
        number = self._numbers[author] = self._numbers.get(author, 0) + 1
        token = f"[{author}:{number}]"
        typed = self.tokens[token] = Typed(author, number, cell_id, b"")
        return token, typed

    # --- what must be true of it --------------------------------------------------------------------------------------

    def check(self, cells: Sequence[Cell]) -> None:
        """These are the cells at the end. Raises AssertionError, naming the token or cell that is amiss."""
        sources = {cell.id: cell.source for cell in cells}
        assert len(sources) == len(cells), "a cell is there twice"
        for cell_id, made in self.made_cells.items():
            assert made.excused or cell_id in self.deleted_cells or cell_id in sources, f"cell {cell_id} is lost"
        where: dict[str, list[str]] = {}
        for cell_id, source in sources.items():
            assert TOKEN.sub("", source) == "", f"cell {cell_id} has torn tokens: {source!r}"
            for found in TOKEN.finditer(source):
                where.setdefault(found[0], []).append(cell_id)
        for token, typed in self.tokens.items():
            places = where.get(token, [])
            if typed.excused or typed.cell_id in self.deleted_cells:
                assert len(places) <= 1, f"{token} is there {len(places)} times"
            else:
                assert places == [typed.cell_id], f"{token}, typed into {typed.cell_id}, is in {places}"
        for source in sources.values():
            last: dict[str, int] = {}
            for author, number in TOKEN.findall(source):
                assert last.get(author, 0) < int(number), f"{author}'s tokens are out of order in {source!r}"
                last[author] = int(number)
        assert not set(where) - set(self.tokens), "a token that nobody typed"


def in_order(cells: Sequence[Cell]) -> bool:
    """Whether cells are ordered by position and then id, no two alike."""
    return all((a.position, a.id) < (b.position, b.id) for a, b in pairwise(cells))
