"""Tests of pytest_zygote: a folder for each layer, a file for each module or behaviour."""
