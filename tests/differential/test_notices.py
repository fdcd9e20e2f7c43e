"""That the differential test can fail: with a defect switched on in hawser it finds a difference."""

import os
import subprocess
import sys
import unittest

import differences

RUN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "run.py")
FAULTS = ("crossed_reply", "partial_request", "executed_twice", "reordered", "shared_state")


def told(**fault):
    environment = dict(os.environ, HAWSER_BINARY=os.environ["HAWSER_FAULTY_BINARY"], **fault)
    words = [sys.executable, "-B", RUN, "--commands", "10000", "--seed", "7", "--shrink", "0"]
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120,
                          check=False)


class Notices(unittest.TestCase):
    def test_a_defect_is_noticed(self):
        for fault in FAULTS:
            with self.subTest(fault):
                run = told(HAWSER_FAULT=fault)
                self.assertEqual(run.returncode, 1, run.stderr)
                self.assertIn("DIFFERENCE in the sequence of seed", run.stdout)

    def test_without_a_defect_there_is_none(self):
        run = told()
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)


class Narrow(unittest.TestCase):
    """What is let pass for one command is not for another, nor when it is more than that."""

    def same(self, words, direct, hawser):
        return differences.is_same([word.encode() for word in words.split()], direct, hawser)

    def test_times_are_near(self):
        integer = ord(":")
        self.assertTrue(self.same("ttl k", (integer, b"100"), (integer, b"99")))
        self.assertFalse(self.same("ttl k", (integer, b"100"), (integer, b"-1")))
        self.assertFalse(self.same("ttl k", (integer, b"100"), (integer, b"1000")))
        self.assertFalse(self.same("strlen k", (integer, b"100"), (integer, b"99")))
        self.assertFalse(self.same("ttl k", (integer, b"100"), (ord("-"), b"ERR")))

    def test_keys_are_those_asked_for_in_any_order(self):
        a, b, c = [(ord("$"), word) for word in (b"a", b"b", b"c")]
        self.assertTrue(self.same("KEYS *", (ord("*"), [a, b]), (ord("*"), [b, a])))
        self.assertFalse(self.same("KEYS *", (ord("*"), [a, b]), (ord("*"), [a, c])))
        self.assertFalse(self.same("SMEMBERS k", (ord("*"), [a, b]), (ord("*"), [b, a])))

    def test_an_error_is_no_answer(self):
        value, error = (ord("$"), b"x"), (ord("-"), b"PROXYDOWN x")
        for command in sorted(differences.BY_NAME):
            self.assertFalse(self.same(command, value, error), command)


if __name__ == "__main__":
    unittest.main()
