"""Tests of parallel runs, without a process."""
