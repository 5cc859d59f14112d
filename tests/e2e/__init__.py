"""Tests of whole runs: a real project, a real daemon, a real terminal."""
