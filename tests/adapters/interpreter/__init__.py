"""Tests of the adapters, each with the real outside thing."""
