"""The main job: digits read in the light, undisturbed and disturbed, over several noise seeds."""
