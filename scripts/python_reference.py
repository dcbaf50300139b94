"""Writes docs/src/reference/python.md from the docstrings of the Python package.

usage: PYTHON scripts/python_reference.py [--check]

With --check nothing is written. Exit codes: 0 fine, 1 the page is stale. Needs NumPy, no PyTorch.
"""
import inspect
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "src" / "reference" / "python.md"
sys.path.insert(0, str(ROOT / "python"))
# Nothing is left beside the sources.
sys.dont_write_bytecode = True

HEAD = """# Python package

<!-- Written by `python3 scripts/python_reference.py`; change the docstrings, not this page. -->

"""
SECTION = re.compile(r"^(Args|Attributes|Returns|Raises|Example):$")


def prose(docstring):
    """Markdown of a docstring: its sections become lists and code."""
    lines, section = [], ""
    for line in inspect.cleandoc(docstring or "").splitlines():
        if found := SECTION.match(line):
            section = found[1]
            lines += [{"Args": "**Arguments**", "Example": "```python"}.get(section, f"**{section}**"), ""]
            if section == "Example":
                lines.pop()
        elif section == "Example":
            code, prompts = re.subn(r"^ {4}(>>> |\.\.\. )", "", line)
            lines.append(code if prompts else f"# {line.strip()}")
        elif section in ("Args", "Attributes", "Raises") and (entry := re.match(r"^ {4}(\w+): (.*)", line)):
            lines.append(f"- `{entry[1]}`: {entry[2]}")
        elif section in ("Args", "Attributes", "Raises") and line.strip():
            lines.append(f"  {line.strip()}")
        elif section == "Returns" and line.strip():
            lines.append(line.strip())
        else:
            lines.append(line)
    text = "\n".join(lines).rstrip()
    # Example code in the package's own docstring is indented.
    text = re.sub(r"(?m)(?:^ {4}.*\n?(?:\n(?= {4}))?)+", lambda code: f"```python\n{inspect.cleandoc(code[0])}\n```\n", text) if not section else text
    return text + ("\n```" if section == "Example" else "")


def signature(name, function):
    """A call with its defaults, one argument a line where it is long."""
    parts = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        default = "" if parameter.default is parameter.empty else f"={parameter.default!r}"
        parts.append(f"{parameter.name}{default}")
    line = f"{name}({', '.join(parts)})"
    return line if len(line) <= 100 else f"{name}(\n    " + ",\n    ".join(parts) + ",\n)"


def member(owner, name, value):
    """A section for a method or property."""
    if isinstance(value, property) or not callable(value):
        return f"#### `{owner}.{name}`\n\n{prose(value.__doc__)}\n"
    call = owner.lower() if name == "__call__" else f"{owner.lower()}.{name}"
    return f"#### `{owner}.{name}`\n\n```python\n{signature(call, value)}\n```\n\n{prose(value.__doc__)}\n"


def page():
    """The whole page."""
    import neurocuda

    sections = [HEAD + prose(neurocuda.__doc__) + "\n"]
    for name in neurocuda.__all__:
        value = getattr(neurocuda, name)
        if not inspect.isclass(value):
            sections.append(f"## `{name}`\n\n```python\n{signature(f'neurocuda.{name}', value)}\n```\n\n{prose(value.__doc__)}\n")
            continue
        sections.append(f"## `{name}`\n\n{prose(value.__doc__)}\n")
        shown = {key: entry for key, entry in vars(value).items() if not key.startswith("_") or key == "__call__"}
        documented = {key: entry for key, entry in shown.items() if getattr(entry, "__doc__", None) and not isinstance(entry, (str, int, type(None)))}
        sections += [member(name, key, entry) for key, entry in documented.items() if not isinstance(entry, classmethod)]
    return "\n".join(sections)


def main(arguments):
    wanted = page()
    if PAGE.exists() and PAGE.read_text() == wanted:
        return 0
    if "--check" in arguments:
        print(f"stale: {PAGE.relative_to(ROOT)}; run python3 scripts/python_reference.py")
        return 1
    PAGE.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
