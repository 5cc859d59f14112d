"""Decisions about edits: what is patched in place, and what is imported again."""
