#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What bash offers behind "gantry", from the installed program and completion."""
import os
import shlex
import tempfile

import _path  # noqa: F401
import installed
import tap


def offered(root, *words, folder="/"):
    """What the last word may become."""
    script = (". %s; COMP_WORDS=(gantry %s); COMP_CWORD=%d; _gantry\n"
              "printf '%%s\\n' \"${COMPREPLY[@]}\"" % (
                  shlex.quote(root + "/share/bash-completion/completions/gantry"),
                  shlex.join(words), len(words)))
    return installed.run(["bash", "-c", script], root, folder).split()


def test_commands(root):
    all_of_them = offered(root, "")
    assert {"serve", "check", "dead-letters", "run-handler", "--version"} <= set(all_of_them)
    assert "--config" not in all_of_them, all_of_them
    assert offered(root, "dead") == ["dead-letters"]
    assert sorted(offered(root, "re")) == ["reconcile", "reload"]


def test_actions(root):
    assert set(offered(root, "plugins", "")) == {
        "list", "describe", "new", "check", "test-storage"}
    assert offered(root, "token", "m") == ["mint"]


def test_options(root):
    assert offered(root, "serve", "--con") == ["--config"]
    assert {"--man", "--json", "--effort"} <= set(offered(root, "plugins", "check", "--"))
    assert offered(root, "plugins", "new", "x", "--kind", "br") == ["breaker"]


def test_a_plugin_by_name(root):
    for action in ("describe", "check", "test-storage"):
        assert offered(root, "plugins", action, "jw") == ["jwt"]
    assert {"jwt", "memory", "sqlite"} <= set(offered(root, "plugins", "describe", ""))


def test_files(root):
    with tempfile.TemporaryDirectory(prefix="completion-") as folder:
        for name in ("mine.so", "event.json", "gantry.yaml"):
            open(os.path.join(folder, name), "w").close()
        for words in (("run-handler", "mi"), ("plugins", "check", "mi"),
                      ("plugins", "check", "./mi")):
            assert offered(root, *words, folder=folder) == [
                words[-1] + "ne.so"], words
        assert offered(root, "run-handler", "x.so", "--event", "ev", folder=folder) == [
            "event.json"]
        assert offered(root, "serve", "--config", "g", folder=folder) == ["gantry.yaml"]
        assert offered(root, "plugins", "list", "--plugins", "e", folder=folder) == []


if __name__ == "__main__":
    raise SystemExit(tap.run_all(installed.prefix()))
