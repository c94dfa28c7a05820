"""Fault campaigns: random faults on random benches, with the safety invariants under watch.

invariants   what must hold in every tick, checked in compiled code against the truth
watched      runs a loop against a twin and checks every tick
drawing      random schedules of faults that a chip can survive
trial        one bench, one schedule, from bring-up to shutdown
shrinking    the shortest schedule that still breaks an invariant
running      many trials on all cores
"""
