"""The daemon: the peer that runs a notebook's cells on Jupyter kernels and writes what happened into its RuntimeDoc.

Pure cores: `queue` (which execution runs when, and how each one ends), `outputs` and `terminal` (from a kernel's
outputs to the fewest changes of an output list), `conversation` (from Jupyter messages to events). Shells: `process`
(a kernel's process: its launch, its log, its death) and `kernel` (its sockets). None of these opens a document.
"""
