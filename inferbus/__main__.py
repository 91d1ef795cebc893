"""Where the program begins: Ctrl-C ends it without a traceback from here on, imports included."""

import sys


def main() -> None:
    """Run the command line and exit."""
    try:
        from inferbus import cli
    except KeyboardInterrupt:
        sys.exit(130)  # 128 + SIGINT: cut short, as shells know it
    cli.main()


if __name__ == "__main__":
    main()
