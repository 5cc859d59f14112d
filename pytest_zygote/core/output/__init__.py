"""Decisions about ``--zygote-output``: which events there are, and how they are shown."""
