"""Decisions about layers: when one is built, what it holds, which run it fits."""
