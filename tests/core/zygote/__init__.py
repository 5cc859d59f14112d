"""Tests of the decisions of processes that fork."""
