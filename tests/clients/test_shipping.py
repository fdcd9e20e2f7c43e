"""A shipping service with nineteen connections, from three client libraries in two protocols,
behind hawser: sessions, rate limiters, a cache, pub/sub and BullMQ's queues work, and also when
Redis or hawser is killed; Redis has the connections that were promised."""

import itertools
import json
import unittest
from collections import Counter

from resp import Client
from servers import eventually
from shipping_rig import STEPS, Shipping, User

CONNECTIONS = 19
# One for the program's requests, one for those in RESP3, one for those in database 1; the
# subscriber; the publisher; three workers and three listeners that wait for jobs and events.
AT_REST = {"main": 3, "subscriber": 1, "publisher": 1, "pinned": 6}

PAUSE = 0.2  # Of a label after its first failure, seconds.


class ShippingCase(unittest.TestCase):
    redis_options = ()
    environment = {}
    numbers = itertools.count(1)

    @classmethod
    def setUpClass(cls):
        environment = {"LABEL_PAUSE_MS": PAUSE * 1000, "TRACKING_DELAY_MS": 300,
                       "RUN_RETRY_MS": 500, "STALLED_MS": 1000}
        environment = {name: str(int(value)) for name, value in environment.items()}
        cls.rig = Shipping(cls.redis_options, **environment)
        cls.outside = cls.rig.outside

    @classmethod
    def tearDownClass(cls):
        cls.rig.close()

    def setUp(self):
        self.name = f"ada{next(self.numbers)}"
        self.user = self.rig.user(self.name)

    def run(self, result=None):
        failed = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > failed:
            print(self.rig.written(), self.rig.hawser.log())

    def done_once(self, subjects):
        """Each step of each of these, and no other with the first one's first word."""
        prefix = subjects[0].split(" ")[0]
        for kind in ("labels", "pickups", "tracking"):
            self.assertEqual(sorted(self.outside.subjects(kind, prefix)), sorted(subjects), kind)


class Service(ShippingCase):
    def test_a_shipment_goes_through_all_queues(self):
        shipment = self.user.ship("rope")
        self.rig.arrives(shipment)
        self.done_once(["rope"])
        # The subscriber has heard each step, once and in order.
        eventually(lambda: self.rig.news(shipment) == STEPS, "the news")
        # As the queue's events have: how far it is, what came of it.
        job = f"pickup-{shipment}"
        told = eventually(lambda: [told["value"] for told in self.rig.events("pickups", "progress")
                                   if told["id"] == job], "progress")
        self.assertEqual(told, [50, 100])
        eventually(lambda: any(told["id"] == job
                               for told in self.rig.events("pickups", "completed")), "the end")
        self.assertIn("label of rope",
                      [told["value"] for told in self.rig.events("labels", "completed")])
        self.assertEqual(self.user.ask("GET", "/shipments").value, [shipment])

    def test_a_label_is_tried_three_times_with_growing_pauses(self):
        self.outside.fail("patient", 2)
        self.outside.fail("hopeless", 3)
        patient, hopeless = self.user.ship("patient"), self.user.ship("hopeless")
        self.rig.arrives(patient)
        eventually(lambda: len(self.rig.events("labels", "failed")) == 1, "one is given up")
        for subject in ("patient", "hopeless"):
            times = self.outside.times(subject)[:3]
            self.assertGreaterEqual(times[1] - times[0], PAUSE - 0.005)
            self.assertGreaterEqual(times[2] - times[1], 2 * PAUSE - 0.005)
        self.assertEqual(Counter(self.outside.subjects("labels"))["patient"], 3)
        self.assertEqual(Counter(self.outside.subjects("labels"))["hopeless"], 3)
        self.assertEqual(self.outside.subjects("pickups", "patient"), ["patient"])
        self.assertEqual(self.outside.subjects("pickups", "hopeless"), [])
        self.assertEqual(self.rig.status(hopeless), "new")

    def test_a_paused_queue_rests_and_goes_on_by_priority(self):
        self.rig.program.ask("POST", "/queues/pickups/pause")
        shipments = [self.user.ship(f"priority {priority}", priority=priority)
                     for priority in (3, 1, 4, 2)]
        eventually(lambda: all(self.rig.status(s) == "labelled" for s in shipments), "labels")
        # Pickups wait while labels are made.
        eventually(lambda: self.rig.get("/queues/pickups")["prioritized"] == 4, "they wait")
        self.assertEqual(self.outside.subjects("pickups", "priority"), [])
        self.rig.program.ask("POST", "/queues/pickups/resume")
        self.rig.arrives(*shipments)
        self.assertEqual(self.outside.subjects("pickups", "priority"),
                         [f"priority {priority}" for priority in (1, 2, 3, 4)])
        self.done_once([f"priority {priority}" for priority in (1, 2, 3, 4)])

    def test_a_session_outlives_the_program_until_its_user_leaves(self):
        other = self.rig.user("grace")
        self.assertEqual(self.rig.direct("DBSIZE") > 0, True)
        self.rig.relaunch()
        for user in (self.user, other):
            self.assertEqual(user.ask("GET", "/me").value, user.name)
        self.assertEqual(self.user.ask("POST", "/logout").status, 200)
        self.assertEqual(self.user.ask("GET", "/me").status, 401)
        self.assertEqual(other.ask("GET", "/me").value, "grace")
        self.assertEqual(User(self.rig, "nobody").ask("GET", "/me").status, 401)

    def test_both_rate_limiters_refuse_at_their_limit(self):
        def rates(key):
            return self.rig.program.get("/rates", {"X-API-Key": key}).status

        def login(name):
            return User(self.rig, name).login()

        for ask, points in ((rates, 20), (login, 5)):
            asked = [self.rig.later(ask, "often") for _ in range(points + 5)]
            self.assertEqual(Counter(future.result() for future in asked),
                             {200: points, 429: 5}, ask)
            self.assertEqual(ask("seldom"), 200)
        refused = self.rig.program.get("/rates", {"X-API-Key": "often"})
        self.assertTrue(0 < int(refused.headers["retry-after"]) <= 60)
        # When its time is over it may again.
        self.rig.direct("DEL", "rates:often")
        self.assertEqual(rates("often"), 200)

    def test_what_was_seen_is_cached_until_it_changes(self):
        with self.outside.holding(1) as gate:
            shipment = self.user.ship("cached")
            path = f"/shipments/{shipment}"
            eventually(lambda: gate.held == 1, "its label is made")
            for cache in ("stored", "hit", "hit"):
                answer = self.rig.program.get(path)
                self.assertEqual((answer.value["status"], answer.cache), ("new", cache))
        self.rig.arrives(shipment)
        eventually(lambda: self.rig.news(shipment) == STEPS, "all is done")
        for cache in ("stored", "hit"):
            answer = self.rig.program.get(path)
            self.assertEqual((answer.value["status"], answer.cache), ("arrived", cache))

    def test_news_reach_other_programs_and_come_from_them(self):
        through, past = Client(self.rig.hawser.port), Client(self.rig.redis.port)
        for client in (through, past):
            self.addCleanup(client.close)
            client("PSUBSCRIBE", "shipments:*")
        shipment = self.user.ship("news")
        self.rig.arrives(shipment)
        for client in (through, past):
            told = [json.loads(client.read()[3])["status"] for _ in STEPS]
            self.assertEqual(tuple(told), STEPS)
        self.rig.direct("PUBLISH", "shipments:0", '{"id": 0, "status": "from outside"}')
        eventually(lambda: self.rig.news(0) == ("from outside",), "the subscriber hears it")


class Connections(ShippingCase):
    """At rest, twice, and after a crash in the middle of the work."""

    redis_options = ("--appendonly", "yes", "--appendfsync", "always")

    def test_connections(self):
        self.rig.arrives(self.user.ship("one"))
        self.assertEqual(self.rig.hawser.connections(), CONNECTIONS)
        self.assertEqual(self.rig.without_hawser(), CONNECTIONS)
        self.rig.has_connections(**AT_REST)
        # A second process of it: only what waits is added.
        second = self.rig.launch(self.rig.hawser)
        try:
            second.listens()
            self.assertEqual(self.rig.hawser.connections(), 2 * CONNECTIONS)
            self.rig.has_connections(**(AT_REST | {"pinned": 12}))
        finally:
            second.kill()
        self.rig.has_connections(**AT_REST)

    def test_hawser_is_killed(self):
        rig = self.rig
        subjects = [f"hawser {number}" for number in range(20)]
        with self.outside.holding(1) as gate:
            shipments = [self.user.ship(subject) for subject in subjects]
            eventually(lambda: gate.held == 1, "a label is being made")
            rig.hawser.process.kill()
            rig.hawser.process.wait()
            eventually(lambda: rig.connections().total() == 0, "Redis knows")
            rig.restart_hawser()
            eventually(lambda: rig.hawser.connections() == CONNECTIONS, "all have come back")
        rig.arrives(*shipments)
        self.done_once(subjects)
        self.assertEqual(self.user.ask("GET", "/me").value, self.name)
        after = self.user.ship("after")
        rig.arrives(after)
        eventually(lambda: rig.news(after) == STEPS, "it hears")
        rig.has_connections(**AT_REST)

    def test_redis_is_killed(self):
        rig = self.rig
        subjects = [f"redis {number}" for number in range(20)]
        with self.outside.holding(1) as gate:
            shipments = [self.user.ship(subject) for subject in subjects]
            eventually(lambda: gate.held == 1, "a label is being made")
            rig.redis.kill()
            eventually(rig.refuses, "hawser knows")
            refused = self.user.ask("POST", "/shipments", {"subject": "lost"})
            self.assertEqual(refused.status, 503)
            self.assertEqual(rig.program.get("/rates", {"X-API-Key": "any"}).status, 503)
            rig.redis.start()
            eventually(rig.redis_is_seen, "hawser has Redis again")
        rig.arrives(*shipments)
        self.done_once(subjects)
        self.assertEqual(self.outside.times("lost"), [])
        self.assertEqual(self.user.ask("GET", "/me").value, self.name)
        eventually(lambda: rig.hawser.connections() == CONNECTIONS, "all have come back")
        after = self.user.ship("after")
        rig.arrives(after)
        eventually(lambda: rig.news(after) == STEPS, "it hears")
        rig.has_connections(**AT_REST)


if __name__ == "__main__":
    unittest.main()
