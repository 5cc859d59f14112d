"""The Python interpreter: imports, code objects, the state of the process."""
