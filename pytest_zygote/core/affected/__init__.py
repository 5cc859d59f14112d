"""Decisions about affected tests: what a change reaches."""
