"""Decisions: pure functions and values. Nothing here touches a file, a clock or a process."""
