"""Tests of the pure decisions: no files, no processes, no clock."""
