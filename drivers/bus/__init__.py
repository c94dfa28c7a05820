"""One instrument's bus: whole messages, in turn, and a late reply reaches nobody."""
