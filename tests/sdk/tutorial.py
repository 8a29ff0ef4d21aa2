#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The tutorial, command by command as it is written, from the installed
program, headers and templates alone."""
import os
import re
import tempfile

import _path  # noqa: F401
import installed
import tap


def blocks():
    with open(os.path.join(installed.SOURCE, "sdk", "TUTORIAL.md")) as f:
        return re.findall(r"^```sh\n(.*?)^```$", f.read(), re.M | re.S)


def test_as_it_is_written(root):
    with tempfile.TemporaryDirectory(prefix="tutorial-") as folder:
        script = "set -eu\n" + "\n".join(
            "echo '== %d'\n%s" % (i, block) for i, block in enumerate(blocks()))
        said = installed.run(["bash", "-c", script], root, folder,
                             preexec_fn=installed.alone)
    said = re.split(r"^== \d+\n", said, flags=re.M)[1:]
    begun, _, tested, tried, described, _, sent, _ = said
    assert "PASSED  ] 4 test(s)" in begun, begun
    assert "PASSED  ] 2 test(s)" in tested, tested
    assert "0 of 4 checks failed" in tested, tested
    assert '"confirmed":true' in tried, tried
    assert "exchange" in described and "watch" in described, described
    assert re.findall(r'"outcome":"(\w+)"', sent) == [
        "applied", "duplicate", "applied", "duplicate"], sent
    assert sent.count("OrderLost") >= 1 and " 1 " in sent, sent


def test_the_handler_is_short(_):
    """Under 60 lines, without what is between its functions."""
    source = next(re.search(r"cat > order-loss\.c <<'END'\n(.*?)^END$", block, re.M | re.S)
                  for block in blocks() if "cat > order-loss.c" in block).group(1)
    code = [line for line in source.splitlines()
            if line.strip() and not line.startswith("/*")]
    assert len(code) < 60, len(code)


if __name__ == "__main__":
    raise SystemExit(tap.run_all(installed.prefix()))
