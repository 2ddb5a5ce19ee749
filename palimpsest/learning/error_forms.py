"""How tools tell of errors: the forms of their lines."""

import re

PLACED = re.compile(
    r"(?:\[[\w:]+\] )?(?P<file>(?:\./)?[\w@./\\+-]+\.[A-Za-z]\w{0,5}):(?P<line>\d+)"
    r"(?::\d+(?::|\s-)|(?=:\s*(?:fatal )?error\b):)"
    r"\s*(?:: # .*|(?:(?:fatal )?error(?::\s*| (?=TS\d)))?(?P<what>\S.*))"
)
TYPESCRIPT = re.compile(
    r"(?P<file>[\w@./+-]+\.[cm]?[jt]sx?)\((?P<line>\d+),\d+\): error (?P<what>TS\d+: .+)"
)
# A line that only a place in the next one makes an error.
HEADED = re.compile(r"(?P<what>error(?:\[E\d+\])?: .+|[A-Z]{1,5}\d{3,4} .+)")
PLACE = re.compile(r"\s*--> (?P<file>\S+?):(?P<line>\d+):\d+")
SHOWN = re.compile(r"\s*\d+ \| ?(?P<source>.*\S)")
# ESLint's list below the name of a file.
LISTED = re.compile(r"\s+(?P<line>\d+):\d+\s+error\s+(?P<what>\S.*?)\s{2,}(?P<rule>[@\w/-]+)\Z")
FILE = re.compile(r"(?:/|\./)?[\w@./+-]+\.\w{1,5}\Z")
RAISED = re.compile(
    r"(?:E\s{2,})?(?:Exception in thread \"[^\"]*\" |Caused by: |Uncaught )?"
    r"(?P<what>(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|NotFound|Refused|Exit)(?::\s.+)?"
    r"|Error: (?:Cannot find module|ENOENT|EACCES|EADDRINUSE|ECONNREFUSED|ERR_)\b.*)\Z"
)
SAID = re.compile(
    r"(?P<what>(?:[\w.-]+: )?(?:fatal|error|panic|Error|ERROR|FATAL|ERR_\w+)(?: \([^)]*\))?: \S.+"
    r"|Error response from daemon: .+|make(?:\[\d+\])?: \*\*\* No rule .+"
    r"|npm (?:ERR!|error) (?!code |path |errno |A complete log)\S.+"
    r"|(?:\S*/)?(?:ba|z|da|fi)?sh(?:: line \d+)?: .+"
    r"|[\w./-]+: (?:line \d+: )?\S.*(?:command not found|[Nn]o such file or directory"
    r"|Permission denied|(?:illegal|invalid|unrecognized|unknown) (?:option|argument|flag)).*"
    r"|(?:unknown|unrecognized|invalid) (?:flag|option|argument|command|subcommand)\b.+"
    r"|usage error: .+|CONFLICT \(.+)"
)
ASSERTED = re.compile(
    r"(?:AssertionError|AssertError|.*\bexpected\b.*\b(?:got|to be|actual)\b)", re.IGNORECASE
)
SAYS_NOTHING = re.compile(
    r"(?:(?:fatal|error): )?(?:exit(?:ed)? (?:status|code|with).*|too many errors|.*task failed.*"
    r"|.*build failed|process completed.*|command failed.*|aborting.*|.*failed to compile.*"
    r"|could not compile.*|.*see (?:above|below|log).*|.*timed out.*|<\w+>|: # <path>.*|# .*)\Z",
    re.IGNORECASE,
)
# Of code that is being written: what was to be renamed, passed or declared is done once.
IN_FLUX = re.compile(
    r"undefined: |not enough arguments|too many arguments|cannot use |.*redeclared|.* undefined \("
    r"|declared and not used|.*imported and not used|assignment mismatch|.*mismatched types"
    r"|could not import|.*\bis unused\b|.*unused (?:variable|import|function|parameter)"
    r"|TS(?:2304|2339|2345|2322|2551|2552|2554|2741|6133)\b|E0(?:308|425|432|433|599|061)\b"
    r"|.*cannot find symbol|.* object has no attribute|.*\bmissing \S+ required positional"
    r"|NameError: |.*(?:could not apply|Merge conflict in)|.*invalid operation: "
)
