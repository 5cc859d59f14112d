"""Tests of the zygote: no process is started."""
