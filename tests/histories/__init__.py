"""Histories of real requests, one of each ending, that today's workflow must replay."""
