"""``python -m palimpsest.cli``: the command line, where no script is installed."""

from palimpsest.cli.main import main

main()
