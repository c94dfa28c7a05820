"""The thermal plant: identified by moving it, fitted, and tuned for.

- excitation: what is done with TEC, fan and heaters, and the relays' swings
- fit: the thermal model with its confidence
- tuning: gains by Skogestad's rules, and their margins on the compiled loop
- procedure: all of it in turn, and the ends that it may take
- result: what was found
"""
