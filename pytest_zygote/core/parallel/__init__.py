"""Decisions about parallel runs: which worker runs which test."""
