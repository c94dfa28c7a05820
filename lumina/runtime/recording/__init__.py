"""What a run folder keeps of a bench's life."""
