# SPDX-License-Identifier: Apache-2.0
"""Lets the files of this folder find gantry.py beside it, and what the tests of
the broker, of PostgreSQL and of the Order Service have."""
import os
import sys

_above = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
for _name in ("amqp", "postgres", "upstream", ""):
    sys.path.insert(0, os.path.join(_above, _name))
sys.dont_write_bytecode = True
