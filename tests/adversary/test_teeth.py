"""Tests of the tests: with a defect switched on an attack succeeds, and is seen to."""

import os
import unittest

from faulty import outcome

FOLDER = os.path.dirname(os.path.abspath(__file__))

# A defect, and the attack that must then be noticed.
CASES = [
    ("crossed_reply", "test_replies.Fakes.test_clients_that_leave_with_replies_owed"),
    ("partial_request", "test_replies.Fakes.test_half_read_long_replies"),
    ("reordered", "test_input.BrokenProtocol.test_odd_input_that_is_right"),
    ("executed_twice", "test_stalls.Readers.test_slow_readers"),
    ("shared_state", "test_stalls.Exhaustion.test_all_contexts_taken"),
    ("invented_ok", "test_stalls.Exhaustion.test_all_pinned_connections_taken"),
]


class Teeth(unittest.TestCase):
    def test_each_defect_is_noticed(self):
        for fault, test in CASES:
            with self.subTest(fault):
                self.assertNotEqual(outcome(FOLDER, test, fault), 0)

    def test_without_one_the_same_attacks_fail(self):
        for test in sorted({test for _, test in CASES}):
            with self.subTest(test):
                self.assertEqual(outcome(FOLDER, test, "none"), 0)


if __name__ == "__main__":
    unittest.main()
