#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every plugin and every command has its page, a page names all options, and
the pages are well formed."""
import glob
import json
import os
import re
import shutil
import subprocess
import tempfile

import tree


def plugins():
    """Folders of plugins with what was built of them."""
    for name in tree.folders("plugins"):
        built = os.path.join(tree.BUILD, "plugins", name, ".libs", name + ".so")
        if os.path.exists(built):
            yield name, built


def plain(page):
    """A page without its fonts and escapes."""
    text = re.sub(r"\\f(\[[^]]*\]|\(..|.)", "", tree.text(page))
    return text.replace("\\-", "-").replace("\\(aq", "'")


def page_of(name):
    return "plugins/%s/gantry-%s.7" % (name, name)


def describe(built):
    ran = subprocess.run([tree.program(), "plugins", "describe", built, "--json"],
                         text=True, capture_output=True)
    if ran.returncode != 0:
        raise AssertionError("gantry plugins describe %s: %s" % (built, ran.stderr.strip()))
    return json.loads(ran.stdout)


def pages():
    return [p for p in tree.files("gateway", "plugins", "sdk", "etc")
            if re.search(r"\.[1-8]$", p)]


def test_every_plugin_has_its_page(found):
    for name in tree.folders("plugins"):
        if not os.path.exists(os.path.join(tree.TOP, page_of(name))):
            found.append("%s is missing" % page_of(name))


def test_a_page_names_every_option(found):
    if tree.program() is None:
        raise tree.Skip("the program is not built")
    for name, built in plugins():
        text = plain(page_of(name))
        for option in describe(built).get("options", []):
            if not re.search(r"\b%s\b" % re.escape(option["name"]), text):
                found.append("%s: does not name the option %s" %
                             (page_of(name), option["name"]))


def test_a_page_names_every_handler(found):
    if tree.program() is None:
        raise tree.Skip("the program is not built")
    for name, built in plugins():
        text = plain(page_of(name))
        for handler in describe(built).get("handlers", []):
            label = handler["name"] if isinstance(handler, dict) else handler
            if not re.search(r"\b%s\b" % re.escape(label), text):
                found.append("%s: does not name the handler %s" % (page_of(name), label))


def help_of(*command):
    return subprocess.run([tree.program(), *command, "--help"], text=True,
                          capture_output=True).stdout


def test_a_page_names_what_help_says(found):
    """Each command has a page, which names its options and says no others."""
    if tree.program() is None:
        raise tree.Skip("the program is not built")
    listed = help_of().split("Commands:\n")[1].split("\n\n")[0]
    for command in re.findall(r"^  ([a-z][a-z-]*) ", listed, re.M):
        page = "gateway/cli/gantry-%s.1" % command
        if not os.path.exists(os.path.join(tree.TOP, page)):
            found.append("%s is missing" % page)
            continue
        said = set(re.findall(r"--[a-z][a-z-]*", help_of(command))) - {"--help"}
        synopsis = plain(page).split(".SH DESCRIPTION")[0]
        found.extend("%s: does not name %s" % (page, option) for option in sorted(said)
                     if not re.search(re.escape(option) + r"(?![a-z-])", plain(page)))
        found.extend("%s: %s is not in --help" % (page, option) for option in
                     sorted(set(re.findall(r"--[a-z][a-z-]*", synopsis)) - said - {"--help"}))


def test_pages_are_not_empty(found):
    for page in pages():
        if ".SH" not in tree.text(page) and ".Sh" not in tree.text(page):
            found.append("%s: says nothing" % page)


def test_pages_are_well_formed(found):
    if shutil.which("groff") is None:
        raise tree.Skip("there is no groff")
    for page in pages():
        ran = subprocess.run(["groff", "-mandoc", "-Tutf8", "-ww", "-z",
                              os.path.join(tree.TOP, page)], text=True,
                             capture_output=True)
        found.extend(ran.stderr.strip().splitlines())


def made(folder):
    """The pages that come out of the headers."""
    headers = [os.path.join(tree.TOP, h) for h in
               tree.files("sdk/gantry", "sdk/testhost", ending=".h")]
    script = os.path.join(tree.TOP, "scripts", "man3.py")
    subprocess.run(["python3", script, folder] + headers, check=True)
    listed = subprocess.run(["python3", script, "--list"] + headers, check=True,
                            text=True, capture_output=True).stdout.split()
    assert sorted(listed) == sorted(os.listdir(folder))
    return listed


def test_every_function_has_its_page(found):
    wanted = re.findall(r"\bgantry_\w+", tree.text("gateway/gantry.syms"))
    wanted += re.findall(r"\b(testhost_\w+)\(", tree.text("sdk/testhost/testhost.h"))
    with tempfile.TemporaryDirectory() as folder:
        names = made(folder)
    found.extend("%s: no page of section 3 names it" % name for name in sorted(set(wanted))
                 if name + ".3" not in names)


def test_made_pages_are_well_formed(found):
    if shutil.which("groff") is None:
        raise tree.Skip("there is no groff")
    with tempfile.TemporaryDirectory() as folder:
        for page in made(folder):
            if page.startswith("gantry-"):
                ran = subprocess.run(["groff", "-mandoc", "-Tutf8", "-ww", "-z",
                                      os.path.join(folder, page)], text=True,
                                     capture_output=True)
                found.extend(ran.stderr.strip().splitlines())


if __name__ == "__main__":
    tree.main(dict(globals()))
