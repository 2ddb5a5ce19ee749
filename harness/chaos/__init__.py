"""Kills the real stack at random while clients stream through it, and counts what was lost.

Client request: one logical request, identified by its unique body; its client sends it again after
a failure. Component: one process of the stack. Fault: a kill, a termination or a stop of a
component. Wire call: one request that reached the simulated provider, by the provider's own log.
"""
