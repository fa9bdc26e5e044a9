"""Disconnecting, deleting, leaving: what members ask for, and what is taken away."""
