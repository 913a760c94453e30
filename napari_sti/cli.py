"""The command line."""


def main() -> int:
    """Run the command line."""
    raise SystemExit("not yet")
