"""Recorded sessions replayed call by call through ways of keeping a prompt small.

*Session*: a recorded conversation, its stretches between compactions joined. *Call*: one assistant
turn; its request is everything before it. *Strategy*: what a client or a proxy makes of that
request. *Profile*: the model and window it is replayed with. A session *fits* if its own prompt
never passes the limit, else it goes *beyond*. *Needle*: a planted fact that must not be lost.
Tokens are our estimate times the model's ratio, for every strategy alike.
"""
