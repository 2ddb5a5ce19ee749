"""The command line: `palimpsest up | serve | migrate | replay`."""


def main() -> None:
    raise SystemExit("not there yet")
