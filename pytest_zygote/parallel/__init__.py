"""Parallel runs: the run process collects once, then forks its workers.

========== ======================================================================================
module     what it does
========== ======================================================================================
standin    options, hooks, fixtures and marks of pytest-xdist, in its place
units      which tests belong together, how long they took
crew       the run process's part: forks, leases, replays reports, replaces who died
shares     what workers get that have nothing left
member     one worker, as the run process sees it
worker     the fork: runs what is leased to it, sends what would have been reported
line       its way to the run process
debugging  a debugger in a worker has the terminal for itself
inheriting what a fork must not share with its parent
observers  hooks that only the run process calls: they see what they would see without workers
replay     what workers tell, told again to the hooks of the session
voices     lines that begin with a worker's name; tests that take long
ordering   puts summaries and junit files in the order of collection
board      whether to stop, for all processes
parallel   the plugin of a parallel run
plan       how many workers, which units; or why there are none
measuring  coverage
sharing    how shared fixtures are declared
host       owns them: sets them up before the fork, tears them down after the last worker
instance   one value of them
databases  test databases of pytest-django: made once, copied by each worker
kept       fixtures that outlive the run, as a run uses them
keeper     the process that keeps one of them
reach      which files decide what a fixture does
tags       groups and priorities, as pytest-mproc has them
wire       reports and warnings as bytes
brief      those of tests that went well, in fewer
lease      the queue of a worker, which its parent can empty at any moment
========== ======================================================================================

PYTEST_DONT_REWRITE: a run finds this package already imported.
"""
