"""Tests of hosts, without a process."""
