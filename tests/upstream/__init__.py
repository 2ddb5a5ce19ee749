"""A strict stand-in for the Anthropic Messages API.

*Wire call*: one HTTP request that reached the simulator; every one is in the `log`. *Step*: one
assistant message of a script. *Fault*: a failure on order. *Pace*: delays and sizes of answers.

    async with Simulator.serve(script=[[tool("Bash", command="ls")]]) as sim:
        ...  # talk to sim.url; look at sim.log, push to sim.faults

Where the API's behaviour is not public, the choice is the simulator's own: a thinking block is also
bound to the thinking block before it (all may be left out, none in the middle); tokens are cl100k
times a ratio per model; the 400 names what changed in the words seen in public issues, and for
`tools` and `messages` in words like them. Dropped blocks are told in `input_transformations`.
"""

from tests.upstream.faults import Fault
from tests.upstream.log import Call
from tests.upstream.pace import Pace
from tests.upstream.server import Simulator
from tests.upstream.view import View

__all__ = ["Call", "Fault", "Pace", "Simulator", "View"]
