"""The zygote: imports the modules of a layer, then forks runs and deeper layers.

It has one thread, and it executes nothing but imports.
"""
