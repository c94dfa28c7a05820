"""The thermal guard: what is dangerous, and what is done about it, above every command."""
