#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Units of systemd: they can be read, are shut in as they say, and name files
that are there and options that the program has."""
import os
import re
import shutil
import subprocess
import tempfile

import tree

MOST_EXPOSED = 1.5      # of 10, as systemd-analyze security counts


def units():
    return list(tree.files("etc", ending=".service"))


def instance(page, folder):
    """A copy as it is when it runs: gantry@.service as gantry@1.service."""
    name = os.path.basename(page).replace("@.", "@1.")
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as f:
        # what is installed elsewhere, or not yet, is no fault of the unit
        f.write(tree.text(page).replace("/usr/bin/gantry", "/bin/true"))
    return path


def analyze(*words):
    return subprocess.run(["systemd-analyze"] + list(words), text=True,
                          capture_output=True, timeout=60)


def test_there_are_units(found):
    if not units():
        found.append("etc has no .service")


def test_units_can_be_read(found):
    if shutil.which("systemd-analyze") is None:
        raise tree.Skip("there is no systemd-analyze")
    with tempfile.TemporaryDirectory() as folder:
        for page in units():
            ran = analyze("verify", "--man=no", instance(page, folder))
            name = os.path.basename(page).split(".")[0]
            found.extend(line for line in ran.stderr.splitlines() if name in line)


def test_units_are_shut_in(found):
    if shutil.which("systemd-analyze") is None:
        raise tree.Skip("there is no systemd-analyze")
    with tempfile.TemporaryDirectory() as folder:
        for page in units():
            ran = analyze("security", "--offline=true", "--no-pager",
                          instance(page, folder))
            score = re.search(r"exposure level[^:]*: ([0-9.]+)", ran.stdout)
            if score is None:
                found.append("%s: not judged: %s" % (page, ran.stderr.strip()))
            elif float(score.group(1)) > MOST_EXPOSED:
                found.append("%s: exposed by %s, %s at most" % (
                    page, score.group(1), MOST_EXPOSED))


def test_their_options_are_known(found):
    if tree.program() is None:
        raise tree.Skip("the program is not built")
    for page in units():
        for words in re.findall(r"^Exec\w+=/usr/bin/gantry (.*)$", tree.text(page), re.M):
            command, *options = words.split()
            ran = subprocess.run([tree.program(), command, "--help"], text=True,
                                 capture_output=True, timeout=60)
            for option in options:
                if option.startswith("--") and option not in ran.stdout:
                    found.append("%s: gantry %s has no %s" % (page, command, option))


if __name__ == "__main__":
    tree.main(dict(globals()))
