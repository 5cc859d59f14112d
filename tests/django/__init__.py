"""Unit tests of the Django parts: fakes, and SQLite in memory or in a file."""
