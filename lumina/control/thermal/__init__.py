"""The thermal law: where the die is, what heat to pump, which current and fan speed do it."""
