"""Runs only the tests that a change can reach: what ``--affected`` does inside a run.

=================  ==============================================================================
`plugin`           hooks of pytest: when to record, what to leave out
`facts`            what is asked of pytest: files, workers
`question`         what the options ask: compared with which rows, or with which commit
`selection`        stored rows against the present tree
`baselines`        rows that are kept under a name, exported and imported
`since`            what has changed since a commit
`unchanged`        whether nothing has changed at all, so that nothing need be collected
`isolation`        tests in forks, alone or in groups
`nursery`          the process that forks them
`recorder`         puts together what a test depended on
`seen`             what ran and was read in some stretch of time
`executions`       which code ran, by `sys.monitoring`
`executions_by_file`  which modules ran, where the interpreter reports no functions: Python 3.11
`modules`          the project's loaded files: fingerprints, and which imports which
`outside`          files opened, folders listed, environment keys read, processes started
`children`         what the processes read, as far as their command lines tell
`child`            what a Python process does: written down in it
`reports`          and read here
`tree`             the checksums that all of these have now
`store`            rows on disk
`database`         the file of the store: opened late, set aside when damaged
`surroundings`     what holds for all tests of a run: interpreter, packages, options
=================  ==============================================================================
"""
