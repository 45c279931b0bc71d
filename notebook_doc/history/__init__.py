"""The life of a notebook: what its document's own history says, and who wrote it. Pure.

A NotebookDoc keeps every change that was ever made to it. This package tells that history as *moments* (`moments`),
reads the notebook as it was at any of them (`past`), compares two of them cell by cell (`diff`), says who wrote each
part of a cell (`blame`), and brings cells back by new edits (`restore`). It writes nothing but those edits, and knows
who is behind an actor only from what it is told (`authors`): changes carry neither names nor times.
"""
