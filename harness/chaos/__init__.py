"""Kills the real stack at random while clients stream through it, and counts what was lost.

*Ask*: one logical request, by its unique body; its client sends it again after a failure. *Part*:
one process of the stack. *Blow*: one thing done to a part. *Wire call*: one request that reached
the simulated provider, by the provider's own log.
"""
