"""Tests of shards, without a process."""
