"""Tests of the tests: each invariant's test notices the defect that breaks it, and only that."""

import os
import unittest

from faulty import outcome

FOLDER = os.path.dirname(os.path.abspath(__file__))

# Invariant, its fault switch, and the test that has to notice.
CASES = [
    ("own replies only", "crossed_reply",
     "test_clients.ManyClients.test_200_clients_interleaving_pipelines_get_their_own_replies"),
    ("whole requests only", "partial_request",
     "test_clients.ManyClients.test_200_clients_interleaving_pipelines_get_their_own_replies"),
    ("one client, one order", "reordered",
     "test_protocol.Protocol.test_a_pipeline_of_writes_and_reads_runs_in_its_order"),
    ("never twice", "executed_twice", "test_clients.OneConnection.test_each_increment_is_executed_once"),
    ("always an answer", "no_answer",
     "test_failures.Failures.test_frozen_redis_is_answered_in_time_and_late_replies_are_swallowed"),
    ("no client state on shared lanes", "shared_state",
     "test_sessions.Sessions.test_select_isolates_databases_within_a_pipeline"),
    ("bounded memory", "unbounded",
     "test_limits.LaneLimits."
     "test_requests_beyond_the_queue_of_a_lane_that_is_down_are_refused_at_once"),
    ("no reply is invented", "invented_ok",
     "test_failures.Failures.test_killed_with_requests_in_flight_says_outcome_unknown"),
]


class Faults(unittest.TestCase):
    def test_each_fault_is_noticed_by_the_test_of_its_invariant(self):
        for invariant, fault, test in CASES:
            with self.subTest(invariant):
                self.assertNotEqual(outcome(FOLDER, test, fault), 0)

    def test_without_a_fault_the_same_tests_pass(self):
        for test in sorted({test for _, _, test in CASES}):
            with self.subTest(test):
                self.assertEqual(outcome(FOLDER, test, "none"), 0)


if __name__ == "__main__":
    unittest.main()
