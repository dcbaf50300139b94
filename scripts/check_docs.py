"""Checks the documents: links resolve, the book lists every page, nothing is left to fill in, commands have real options.

usage: python3 scripts/check_docs.py [--commands NEUROCUDAC]

With --commands, every `neurocudac SUBCOMMAND … --option` in a code block is held against that binary's own --help.
Exit codes: 0 fine, 1 findings (each printed with file and line).
"""
import functools
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "docs" / "src"
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FILL = re.compile("@" + "@FILL:[^@]*@@")
OPTION = re.compile(r"(?<![\w-])(?:--[a-z][a-z-]*|-[a-z]\b)")
FENCE = re.compile(r"^\s*(```|~~~)")


def documents():
    """Every Markdown file of the project; found without git, which a fresh machine may lack."""
    skipped = {"target", ".venv", ".git", "node_modules"}
    found = (path for path in ROOT.rglob("*.md") if not skipped & set(path.relative_to(ROOT).parts))
    return sorted(found)


def lines_of(path):
    """(number, text, inside a code block) of each line."""
    fenced = False
    for number, text in enumerate(path.read_text().splitlines(), 1):
        if FENCE.match(text):
            fenced = not fenced
            continue
        yield number, text, fenced


@functools.cache
def anchors(path):
    """The anchors that mdBook and GitHub give the headings of a page."""
    headings = (text.lstrip("#") for _, text, fenced in lines_of(path) if not fenced and re.match(r"#{1,6} ", text))
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def broken_links(path):
    """Findings on relative links; links to other sites are not followed."""
    for number, text, fenced in lines_of(path):
        for target in [] if fenced else LINK.findall(re.sub(r"`[^`]*`", "", text)):
            if re.match(r"[a-z]+:", target):
                continue
            file, _, anchor = target.partition("#")
            there = (path.parent / file).resolve() if file else path
            if not there.exists():
                yield number, f"the link `{target}` leads nowhere"
            elif anchor and there.suffix == ".md" and anchor not in anchors(there):
                yield number, f"`{target}`: no such heading"


def unlisted_pages():
    """Pages of the book that its summary does not name."""
    listed = {(BOOK / target).resolve() for target in LINK.findall((BOOK / "SUMMARY.md").read_text())}
    return [page for page in BOOK.rglob("*.md") if page.resolve() not in listed and page.name != "SUMMARY.md"]


def commands(path):
    """(line, subcommand, options) of each neurocudac call in the code blocks; a trailing backslash joins lines."""
    joined, start = "", 0
    for number, text, fenced in lines_of(path):
        if not fenced:
            joined = ""
            continue
        start = start if joined else number
        joined += text.rstrip("\\")
        if text.endswith("\\"):
            continue
        for call in re.split(r"\|\||&&|;|\|", joined.split(" #")[0]):
            if found := re.match(r"\s*(?:\$ )?(?:\S*/)?neurocudac +([a-z]+(?: +[a-z]+(?=\s|$))?)(.*)", call):
                yield start, found[1], OPTION.findall(found[2])
        joined = ""


@functools.cache
def options_of(neurocudac, subcommand):
    """The options that the help of a subcommand shows, of one or two words; None if there is no such subcommand."""
    answer = subprocess.run([neurocudac, *subcommand.split(), "--help"], capture_output=True, text=True)
    return set(OPTION.findall(answer.stdout)) if answer.returncode == 0 else None


def wrong_commands(path, neurocudac):
    """Findings on subcommands and options that the binary does not have."""
    for number, subcommand, options in commands(path):
        known = options_of(neurocudac, subcommand)
        if known is None:
            yield number, f"neurocudac has no subcommand `{subcommand}`"
            continue
        for option in options:
            if option not in known:
                yield number, f"`neurocudac {subcommand}` has no option `{option}`"


def main(arguments):
    neurocudac = arguments[1] if len(arguments) == 2 and arguments[0] == "--commands" else None
    findings = [f"{page.relative_to(ROOT)}: not in docs/src/SUMMARY.md" for page in unlisted_pages()]
    pages = documents()
    for path in pages:
        problems = list(broken_links(path))
        problems += [(n, f"not filled in: {token}") for n, text, _ in lines_of(path) for token in FILL.findall(text)]
        problems += wrong_commands(path, neurocudac) if neurocudac else []
        findings += [f"{path.relative_to(ROOT)}:{number}: {problem}" for number, problem in problems]
    print(*findings, f"{len(pages)} documents, {len(findings)} findings", sep="\n")
    return int(bool(findings))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
