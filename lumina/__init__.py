"""Lumina runs a photonic AI accelerator bench, real or simulated, with the same code."""

__version__ = "0.1.0"
