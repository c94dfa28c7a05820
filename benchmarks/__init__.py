"""Every speed claim, as a program that measures it: `lumina bench NAME --json`."""
