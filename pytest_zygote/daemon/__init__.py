"""The daemon: owns the public socket, watches files, and decides which layer serves a run.

It never imports the user's code, so it always answers, and it never forks, so it may have threads.
"""
