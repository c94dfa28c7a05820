"""The 1 kHz loop: PID, guard, phase compensation, power rails, and what runs them."""
