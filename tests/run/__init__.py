"""Tests of what lives in the forked process of a run: no process is started."""
