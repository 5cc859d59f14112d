"""Decisions about the command line: options, wording, watch mode."""
