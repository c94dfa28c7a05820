"""The hardware-abstraction layer: interfaces, drivers and their registry."""
