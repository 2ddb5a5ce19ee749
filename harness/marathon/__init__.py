"""A scripted agent whose conversation grows without end, against the strict simulator.

`client` sends the whole history each time, in the form of Claude Code's requests; `talk` is what
its model and its tools say; `prefix` compares what was forwarded from one turn to the next; `walk`
drives them and measures. `python -m harness.marathon` (`make marathon`) goes to 5,000,000 tokens.
"""
