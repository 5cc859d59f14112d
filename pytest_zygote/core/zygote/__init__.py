"""Decisions of the processes that fork: which order is legal when, and what follows from it."""
