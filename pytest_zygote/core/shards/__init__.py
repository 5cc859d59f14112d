"""Decides which tests each of several machines runs, and whether what they report makes a whole."""
