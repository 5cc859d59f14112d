"""Tests of what events say, and how they are shown."""
