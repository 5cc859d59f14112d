"""Parallel runs: the run process collects once, then forks its workers, or has them collect for themselves.

`xdist_plugin` stands in for pytest-xdist and registers `plugin`, which makes a `plan` and lets the `controller` run it.
The controller performs what `core.parallel.worker_pool` decides; each `worker` is a fork of it. If collection has left
something that a fork would share or not have (`collection_leftovers`), it is a `configured_worker`, forked from the
`worker_zygote`, and waits at the `collection_barrier`. They exchange `messages`; the tests themselves are in a
`work_queue`. `report_replay` calls the hooks of the session with what workers report.

PYTEST_DONT_REWRITE: a run finds this package already imported.
"""
