"""Tests of watch mode's edges, with a clock, a keyboard, runs and files of their own."""
