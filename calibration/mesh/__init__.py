"""The mesh itself: phases, drive laws, couplers, crosstalk and loss, from what light comes out."""
