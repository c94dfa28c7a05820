"""Simulated instruments: the real wire protocols over pty and TCP, the twin as physics."""
