"""The simulated NPU board: its loop, its wires, and what may befall them."""
