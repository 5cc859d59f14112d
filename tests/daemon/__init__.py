"""Tests of the daemon's modules, with a loop, connections and processes that exist in the test alone."""
