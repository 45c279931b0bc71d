"""The daemon: the peer that runs a notebook's cells on Jupyter kernels and writes what happened into its RuntimeDoc.

Pure cores: `queue` (which execution runs when, and how each one ends), `outputs` and `terminal` (from a kernel's
outputs to the fewest changes of an output list), `conversation` (from Jupyter messages to events), `recollection`
(which of them a later daemon needs again). Shells that open no document: `keeper` (the process that is a kernel's
parent and outlives the daemon), `process` (the kernel's process, as its keeper has it), `launching` (what it takes to
start one) and `kernel` (one kernel, by way of its keeper).

What runs a notebook: `runner` puts the parts together; `executions` carries out what the queue decides;
`notebook_kernel` has the notebook's kernel, one after the other; `listening` takes what it says to `output_writer`,
`comm_writer` and `stdin`; `takeover` goes on where an earlier daemon was. Modules of their own join by the three seams
that `runner` names: requests (`services.Served`), services (`services.Service`), what to launch
(`launch_plan.Resolver`).
"""
