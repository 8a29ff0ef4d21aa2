# SPDX-License-Identifier: Apache-2.0
"""Lets the files of this folder find gantry.py and tap.py beside it."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.dont_write_bytecode = True
