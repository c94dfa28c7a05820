"""What looks after a bench while it runs."""
