"""Runs only the tests that a change can reach: what ``--affected`` does inside a run.

=====================  ===========================================================================
`plugin`               hooks of pytest: what to leave out, and what to print
`recording`            hooks of pytest: record each test, and store it
`audit`                hooks of pytest: which failures selection would have left out
`covered_lines`        coverage of tests that are left out
`pytest_facts`         what is asked of pytest: files, workers
`query`                what the options ask: compared with which rows, or with which commit
`selection`            stored rows against the present tree
`baselines`            rows that are saved under a name, exported and imported
`git_diff`             what has changed since a commit
`skip_collection`      whether nothing has changed at all, so that nothing need be collected
`isolation`            tests in forks, alone or in groups
`fork_choice`          which tests, and in which groups
`fork_server`          the process that forks them
`shared_state`         what tests keep for the tests after them
`traces`               and which tests come after those that do
`recorder`             divides what happens among session, fixtures and tests
`attribution`          what a test depends on, given what was observed
`observation`          what ran and was read in some stretch of time
`executions`           which code ran, by `sys.monitoring`
`executions_by_file`   which modules ran, where the interpreter reports no functions: Python 3.11
`loaded_files`         the project's loaded files: fingerprints, and which imports which
`declarations`         what tests say that they depend on: marks, calls, a hook
`external_inputs`      files opened, folders listed, processes started
`environ_reads`        keys of the environment that are read
`calling_frames`       who reads them, by the frames above
`written_files`        files that tests write: they start no run of watch mode
`subprocesses`         what the processes read, as far as their command lines show
`child_recorder`       what a Python process does: written down in it
`child_reports`        and read here
`system_questions`     what both ask of the system
`current_tree`         the checksums that all of these have now
`file_state`           stamps and contents of files
`import_targets`       where import statements lead
`project_files`        which files are the project's own
`store`                rows on disk
`file_cache`           what the store remembers of files
`database`             the file of the store: opened late, set aside when damaged
`run_key`              what holds for all tests of a run: interpreter, packages, options
=====================  ===========================================================================

The kinds of what tests depend on stand in `core.affected.dependency`, each in one row.
"""
