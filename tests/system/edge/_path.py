# SPDX-License-Identifier: Apache-2.0
"""Lets the files of this folder find gantry.py and tap.py beside it, and what
looks at the metrics page."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("../observe", "../admin", "../amqp", ".."):
    sys.path.insert(0, os.path.join(HERE, folder))
sys.dont_write_bytecode = True
