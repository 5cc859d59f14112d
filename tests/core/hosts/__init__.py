"""Tests of the decisions about hosts."""
