"""Parallel runs: the run process collects once, then forks its workers.

================= ====================================================================================================
module            what it does
================= ====================================================================================================
xdist_plugin      options, hooks, fixtures and marks of pytest-xdist, in its place
xdist_hookspecs   the specifications of those hooks
xdist_node        a worker as plugins written for pytest-xdist see it
plugin            the plugin of a parallel run
plan              how many workers, which units; or the reason why the tests run in one process
work_units        which tests belong together, and how long they took in earlier runs
test_order        tests that must come after all others
controller        the run process's part: performs what `core.parallel.worker_pool` decides
event_wait        how the controller waits for workers
worker_handle     one worker, as the controller sees it
messages          what workers and the controller send each other
framing           messages on a socket
ring_buffer       messages in memory that worker and controller share
work_queue        the tests that a worker is to run, which the controller can drain
shared_flags      whether to stop or to wait, for all processes
worker            the fork: runs the tests in its queue, sends what would have been reported
worker_channel    its way to the controller
after_fork        what it must not share with the run process
worker_hooks      which hooks are called in a worker
report_delta      reports of tests that went well, reduced to what is new in them
report_replay     what workers report, for the hooks of the session
result_order      puts summaries and junit files in the order of collection
terminal          lines that begin with a worker's name; few writes by the run process
debugger_lock     a debugger in a worker has the terminal for itself
coverage          coverage in workers
django_databases  test databases of pytest-django: made once, copied by each worker
fast_hooks        hooks of which thousands of calls take less time
fast_exit         frees no memory at the end of a cold run
mproc_marks       groups and priorities, as pytest-mproc has them
mproc_fixtures    temporary folders, as pytest-mproc has them
================= ====================================================================================================

PYTEST_DONT_REWRITE: a run finds this package already imported.
"""
