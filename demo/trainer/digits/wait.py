"""A program that would run for an hour: the demo cancels it."""

import argparse
import time


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=3600)
    given, _ = parser.parse_known_args()
    print(f"waiting {given.seconds:.0f} seconds")
    time.sleep(given.seconds)


if __name__ == "__main__":
    main()
