"""Replaces the code of live functions: jurigged's engine, made exact and quick.

jurigged (its part `codefind`) finds what holds a code object and *conforms* it to a new one,
honouring the ``__conform__`` protocol. That part is used as it is. What was measured to be wrong
or slow is not: `codefind` scans the heap once for each function (7 s for one line inserted above
300 functions; here one scan serves all), and `jurigged` compiles each function by itself (which
loses name mangling, ``super()``, type parameters, class-scope defaults, decorators' lines; here all
codes come from one compilation of the whole file) and takes 0.5 s to align a file of 300 functions.

Every decision, compilation and new object is made before the first function changes (`Patcher.decide`).
`apply` swaps. `verify` proves that it was complete: the old code objects must have no holders left.
The same count, before the swap, finds what a scan cannot: a code object that something else than
a function keeps (numba, a suspended generator, a function copied into another namespace).

Frozen objects are invisible to the scan, so all is done inside `thawed`.
"""

from pytest_zygote.adapters.patching.errors import PatchError
from pytest_zygote.adapters.patching.patcher import Patcher
from pytest_zygote.adapters.patching.referrers import thawed

__all__ = ["PatchError", "Patcher", "thawed"]
