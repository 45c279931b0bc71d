"""A kernel's keeper: the small process that is the parent of one kernel and outlives the daemon that started it.

`main` and `serving` are the process, `spool` what it remembers, `frames` what goes over its socket, `manifest` the file
by which it is found again, `link` the daemon's side. A keeper moves bytes: it knows no notebooks and cannot read what
the kernel says, which is signed with a key that it is not given.
"""
