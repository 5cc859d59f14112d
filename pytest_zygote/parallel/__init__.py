"""Parallel runs: the run process collects once, then forks its workers.

`xdist_plugin` stands in for pytest-xdist and registers `plugin`, which makes a `plan` and lets the `controller` run it.
The controller performs what `core.parallel.worker_pool` decides; each `worker` is a fork of it. They exchange
`messages`; the tests themselves are in a `work_queue`. `report_replay` calls the hooks of the session with what workers
report.

PYTEST_DONT_REWRITE: a run finds this package already imported.
"""
