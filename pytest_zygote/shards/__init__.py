"""Divides a suite among machines that know nothing of each other, and puts their results together.

================  ===================================================================================
`plugin`          whether a run takes part
`selector`        hooks of pytest: leave out the tests of other shards
`event_recorder`  hooks of pytest: what happens, as JSON
`recorder`        hooks of pytest: keep what happens in a folder
`facts`           what a result says about where it was run
`result_folder`   the files of such a folder
`merge`           ``pz merge``: show several folders as one run
`recorded_events` what was reported, by test
`replay`          hooks of pytest: report what was reported elsewhere
`artifacts`       coverage data and the map of ``--affected``: kept, and put together
`rerun`           ``pz rerun``: the command line that repeats a shard here
`commands`        the words behind ``pz``
================  ===================================================================================
"""
