"""One module per instrument: a driver that speaks its wire protocol."""
