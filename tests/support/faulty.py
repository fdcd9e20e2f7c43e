"""For tests of the tests: one of them, run against the binary with defects that can be switched on."""

import os
import subprocess
import sys


def outcome(folder, test, fault):
    """Exit code of a test of a folder with `fault` switched on; "none" for no fault."""
    environment = dict(os.environ, HAWSER_BINARY=os.environ["HAWSER_FAULTY_BINARY"],
                       HAWSER_FAULT=fault, HAWSER_TEST_TIMEOUT="4")
    return subprocess.run([sys.executable, "-B", "-W", "ignore", "-m", "unittest", test],
                          cwd=folder, env=environment, capture_output=True, timeout=120).returncode
