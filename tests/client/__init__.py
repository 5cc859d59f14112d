"""Tests of the client: what it decides and sends, with fakes in the place of daemons and terminals."""
