"""Tests of what `--affected` does inside a run: no process is started."""
