#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pages of section 3 out of the public headers, so that what an author reads in
a terminal is what stands there.

  man3.py FOLDER HEADER...    writes gantry-NAME.3 for each header, and for each
                              function a page that leads to it
  man3.py --list HEADER...    their names
"""
import os
import re
import sys

FUNCTION = re.compile(r"\b((?:gantry|testhost)_[a-z0-9_]+)\(")
# What a plugin does not call.
SKIP = ("gantry_plugin_entry",)
# Headers whose page is written by hand: gantry-plugin(3).
WRITTEN = ("plugin", "abi")


def blocks(text):
    """(comment, code) in their order; a comment belongs to the code below it."""
    for piece in re.split(r"\n\s*\n", text):
        comment = re.match(r"\s*/\*(.*?)\*/\n?", piece, re.S)
        code = piece[comment.end():] if comment else piece
        yield (plain(comment.group(1)) if comment else ""), code.strip("\n")


def whole(text):
    """Blocks that an empty line inside a comment or a struct does not part."""
    at, out = 0, []
    for match in re.finditer(r"/\*.*?\*/|\{(?:[^{}]|\{[^{}]*\})*\}|[^/{]+|.", text, re.S):
        piece = match.group(0)
        if piece.startswith(("/*", "{")):
            piece = re.sub(r"\n[ \t]*(?=\n)", "\n\x01", piece)
        out.append(piece)
        at = match.end()
    assert at == len(text)
    return "".join(out)


def plain(comment):
    """The comment's text without its stars."""
    return "\n".join(re.sub(r"^ ?\* ?", "", line.rstrip()).replace("\x01", "")
                     if not line.strip() == "*" else ""
                     for line in comment.strip().split("\n"))


def escaped(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line.startswith((".", "'")) else line
                     for line in text.split("\n"))


def literal(code):
    return ".nf\n%s\n.fi" % escaped(code.replace("\x01", "").expandtabs(8))


def paragraphs(text):
    """Prose is filled; what is indented by a tab stays as it is."""
    for part in re.split(r"\n\s*\n", text.strip("\n")):
        lines, shown = [], []
        for line in part.split("\n"):
            if line.startswith(("\t", " " * 4)):
                shown.append(line)
                continue
            if shown:
                yield ".RS 4\n%s\n.RE" % literal("\n".join(shown))
                shown = []
            lines.append(line)
            if lines and shown:
                yield escaped("\n".join(lines))
                lines = []
        if lines:
            yield ".PP\n" + escaped("\n".join(lines))
        if shown:
            yield ".RS 4\n%s\n.RE" % literal("\n".join(shown))


def read(path):
    """(name, what it is, the rest of the head, blocks)."""
    with open(path) as f:
        text = re.sub(r'#ifdef __cplusplus\n(extern "C" \{|\})\n#endif\n', "", f.read())
    text = whole(text.split("*/\n", 1)[1])
    parts = list(blocks(text))
    head = parts[0][0].strip("\n")
    title, _, rest = head.partition("\n\n")
    name, _, what = " ".join(title.split()).partition(" - ")
    keep = [(comment, re.sub(r"(?m)^#(ifndef|include|define|endif|if|else|undef)\b[^\n]*$",
                             "", code).strip("\n") if guard(code) else code)
            for comment, code in parts[1:]]
    first = parts[0][1]
    return name, what, rest, [(c, code) for c, code in [("", first)] + keep
                              if not guard(code) or (c and code)]


def guard(code):
    """Lines that only the preprocessor needs."""
    lines = [line for line in code.split("\n") if line.strip()]
    return all(line.startswith(("#ifndef GANTRY", "#define GANTRY_", "#include", "#endif"))
               and not (line.startswith("#define") and len(line.split()) > 2)
               for line in lines)


def functions(parts):
    found = []
    for _, code in parts:
        bare = re.sub(r"/\*.*?\*/", "", code, flags=re.S)
        bare = re.sub(r"#define(?:[^\n]*\\\n)*[^\n]*", "", bare)
        bare = re.sub(r"\{(?:[^{}]|\{[^{}]*\})*\}", "", bare)
        for name in FUNCTION.findall(bare):
            if name not in found and name not in SKIP:
                found.append(name)
    return found


def page(name, what, rest, parts, header):
    title = "gantry-" + name
    first, dot, more = what.partition(". ")
    out = ['.\\" SPDX-License-Identifier: Apache-2.0',
           '.TH %s 3 "" "gantry" "Gantry plugins"' % title.upper().replace("-", "\\-"),
           ".SH NAME", ", ".join([escaped(title)] + functions(parts)) + " \\- " +
           escaped(first.rstrip(".")),
           ".SH SYNOPSIS", ".B #include <gantry/%s>" % header,
           ".SH DESCRIPTION"]
    if more:
        out.append(escaped(more))
    out += list(paragraphs(rest)) if rest else []
    for comment, code in parts:
        if code:
            out += [".PP", literal(code)]
        if comment:
            out += list(paragraphs(comment))
    out += [".SH SEE ALSO", ".BR gantry\\-plugin (3)"]
    return "\n".join(out) + "\n"


def main(arguments):
    listing = arguments[0] == "--list"
    for path in arguments[1:]:
        name, what, rest, parts = read(path)
        names = functions(parts)
        own = name not in WRITTEN
        if listing:
            print("\n".join("%s.3" % n for n in (["gantry-" + name] if own else []) + names))
            continue
        if own:
            with open(os.path.join(arguments[0], "gantry-%s.3" % name), "w") as f:
                f.write(page(name, what, rest, parts, os.path.basename(path)))
        for function in names:
            with open(os.path.join(arguments[0], function + ".3"), "w") as f:
                f.write(".so man3/gantry-%s.3\n" % name)


if __name__ == "__main__":
    main(sys.argv[1:])
