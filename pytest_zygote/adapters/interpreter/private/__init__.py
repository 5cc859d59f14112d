"""All that the package reaches of CPython and its standard library without a public name.

Each module has typed functions or aliases for one part of the interpreter, and beside them the self-checks of what they
rely on. `light` is apart: a warm client imports it, and counts milliseconds.
"""
