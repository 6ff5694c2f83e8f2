#!/usr/bin/python3
"""The codes of log lines are for operators to search for: README lists exactly those that the programs write."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CALL = re.compile(r"\b(?:emit|note|logged)\((.*?);", re.DOTALL)
CODE = re.compile(r'"([A-Z][A-Z_]{3,})"')


def written():
    codes = set()
    for folder in ("routing", "router"):
        for path in sorted((ROOT / folder).glob("*.cpp")):
            for call in CALL.findall(path.read_text()):
                codes.update(CODE.findall(call))
    return codes


def listed():
    section = (ROOT / "README.md").read_text().split("<!-- codes:begin -->")[1].split("<!-- codes:end -->")[0]
    return set(re.findall(r"`([A-Z][A-Z_]{3,})`", section))


def main():
    problems = [f"README.md does not list {code}" for code in sorted(written() - listed())]
    problems += [f"README.md lists {code}, which nothing writes" for code in sorted(listed() - written())]
    if len(written()) < 20:
        problems.append("the search for codes finds too few to be right")
    print("\n".join(problems) or f"log codes: all {len(written())} are listed")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
