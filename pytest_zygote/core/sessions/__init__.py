"""Decisions about collected sessions: which command lines they serve, and what is collected again."""
