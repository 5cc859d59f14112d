"""Importing this module, which is done in layers only, loads Django's apps.

Being a module, it is built, recorded and blamed like any other (`adapters.interpreter.import_recorder`):
what apps read and did when they were loaded is in its log, and if they cannot be loaded early, it is left
out and each run loads them.
"""

from pytest_zygote.django.settings import load

INSTALLED = load()
"""The names of the apps that this process holds."""
