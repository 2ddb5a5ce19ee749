"""A strict stand-in for the Anthropic Messages API.

*Wire call*: one HTTP request that reached the simulator; every one is in the `log`. *Step*: one
assistant message of a script. *Fault*: a failure on order. *Pace*: delays and sizes of answers.

    async with Simulator.serve(script=[[tool("Bash", command="ls")]]) as sim:
        ...  # talk to sim.url; look at sim.log, push to sim.faults

Thinking is bound as the API documents it for an account that enforces the check: to `system`,
`tools` and all before it, and to the thinking block before it, so that the oldest, the newest or
all may be left out, none in the middle; `count_tokens` checks the same. With the beta
`thinking-binding-controls-2026-08-01`, and only then, each answer has a top-level array
`input_transformations`, in a stream within `message_start.message` (`message_delta` has it only
after a server-side fallback): `{"type": "thinking_dropped", "path": "messages.3.content.0",
"reason": "prefix_binding_mismatch"}`, or `model_binding_mismatch`, and for two checks that are not
simulated `organization_` and `end_user_binding_mismatch`. On accounts that do not enforce, the API
lists `thinking_mismatch_allowed` instead: that block was shown and billed.

Where the API's behaviour is not public, the choice is the simulator's own: tokens are cl100k times
a ratio per model; a thinking block's text is signed too; the 400 names what changed in the words
seen in public, without the position they add.
"""

from harness.simulator.faults import Fault
from harness.simulator.log import Call
from harness.simulator.pace import Pace
from harness.simulator.server import Simulator
from harness.simulator.view import View

__all__ = ["Call", "Fault", "Pace", "Simulator", "View"]
