"""What each reader of an order service sees: two instances in Node behind two hawsers, and a PHP
program that knows nothing of tags."""

import json
import time
import unittest

from orders_rig import Rig
from resp import Client
from servers import eventually

COUNTRIES = "/reference/countries"
USER = "/users/1"
LIST = "/companies/7/orders"
LIST_READ = "/companies/7/orders?status=all"  # As the database is asked for it.
OPEN_READ = "/companies/7/orders?status=open"
ANALYTICS = "/companies/7/analytics"
TAG = "company:7:orders"
HOUR = 3600 * 1000

# What a pushed change may take to be seen everywhere, and what an answer that waits for nobody may
# take, seconds.
PUSHED = 1.0
AT_ONCE = 1.0


def titles(answer):
    return [order["title"] for order in answer.value]


class OrdersCase(unittest.TestCase):
    """A fresh rig for each test: what one kills or leaves in the cache concerns no other."""

    lease = 10_000
    settings = {}

    def setUp(self):
        self.rig = Rig(lease=self.lease, **self.settings)
        self.a, self.b, self.database = self.rig.a, self.rig.b, self.rig.database

    def tearDown(self):
        outcome = self._outcome.result
        if any(test is self for test, _ in outcome.failures + outcome.errors):
            print(self.rig.logs())
        self.rig.close()

    def order(self, instance, title):
        answer = instance.ask("POST", LIST, {"title": title})
        self.assertEqual(answer.status, 200, answer)
        return answer.value["id"]

    def sees(self, answer, value, cache):
        self.assertEqual((answer.status, answer.value, answer.cache), (200, value, cache))

    def lists(self, answer, wanted, cache=None):
        self.assertEqual((answer.status, titles(answer)), (200, wanted), answer)
        if cache is not None:
            self.assertEqual(answer.cache, cache)

    def spent(self, **reads):
        """The database was asked for exactly this since the last call."""
        self.assertEqual(self.database.spent(), reads.pop("reads", reads))

    def life(self, key):
        """Of a key in Redis, ms."""
        return self.rig.direct("PTTL", key)

    def client(self, hawser):
        client = Client(self.rig.hawsers[hawser].port)
        self.addCleanup(client.close)
        return client


class ReferenceData(OrdersCase):
    def test_kept_for_a_day_and_thrown_away_by_name(self):
        self.database.rows[COUNTRIES] = ["DE"]
        self.sees(self.a.get(COUNTRIES), ["DE"], "stored")
        self.sees(self.b.get(COUNTRIES), ["DE"], "hit")
        self.spent(reads={COUNTRIES: 1})
        self.assertGreater(self.life("reference:countries"), 23 * HOUR)

        # A change that nobody tells of is not seen.
        self.database.rows[COUNTRIES] = ["DE", "AT"]
        self.sees(self.a.get(COUNTRIES), ["DE"], "hit")

        self.a.ask("PUT", COUNTRIES, ["DE", "AT", "CH"])
        self.sees(self.b.get(COUNTRIES), ["DE", "AT", "CH"], "stored")
        self.sees(self.a.get(COUNTRIES), ["DE", "AT", "CH"], "hit")
        self.spent(reads={COUNTRIES: 1})

    def test_one_name_leaves_the_others_alone(self):
        self.database.rows |= {COUNTRIES: ["DE"], "/reference/units": ["kg"]}
        self.a.get(COUNTRIES)
        self.a.get("/reference/units")
        self.b.ask("PUT", COUNTRIES, ["AT"])
        self.sees(self.b.get("/reference/units"), ["kg"], "hit")
        self.sees(self.b.get(COUNTRIES), ["AT"], "stored")


class UserContexts(OrdersCase):
    def setUp(self):
        super().setUp()
        self.database.rows[USER] = {"name": "Ada"}
        self.warm()
        self.spent(reads={USER: 1})

    def warm(self):
        """Both instances answer from their own memory."""
        for instance in (self.a, self.b):
            eventually(lambda: instance.get(USER).cache == "copy", "a copy in the process")

    def changed_everywhere(self, name, since):
        for instance in (self.a, self.b):
            eventually(lambda: instance.get(USER).value == {"name": name}, f"{name} is seen",
                       max(0.0, PUSHED - (time.monotonic() - since)))

    def test_a_change_on_one_instance_is_pushed_to_both(self):
        self.assertLessEqual(self.life("user:1"), 5 * 60 * 1000)
        listeners = [self.client(0), self.client(1)]
        for listener in listeners:
            listener("SUBSCRIBE", "cache:invalidate")

        since = time.monotonic()
        self.a.ask("PUT", USER, {"name": "Grace"})
        self.sees(self.a.get(USER), {"name": "Grace"}, "stored")  # Its own writes it sees at once.
        self.changed_everywhere("Grace", since)
        self.warm()
        self.spent(reads={USER: 1})

        # Every subscriber heard of it once, whichever hawser it is at, with the same stamps.
        heard = [listener.read() for listener in listeners]
        self.assertEqual(heard[0], heard[1])
        message = json.loads(heard[0][2])
        self.assertEqual({key: message[key] for key in ("type", "target", "source")},
                         {"type": "keys", "target": ["user:1"], "source": "orders"})
        self.assertLessEqual({"origin", "sequence", "time"}, message.keys())
        self.client(0)("PUBLISH", "cache:invalidate", "the end")
        for listener in listeners:
            self.assertEqual(listener.read()[2], b"the end")

    def test_a_change_told_by_anybody_is_pushed_to_both(self):
        for hawser, name, message in (
                (0, "Grace", {"type": "keys", "target": "user:1"}),
                (1, "Edsger", {"type": "keys", "target": ["user:2", "user:1"]}),
                (1, "Barbara", {"type": "pattern", "target": ["user:*"]})):
            self.database.rows[USER] = {"name": name}
            since = time.monotonic()
            self.client(hawser)("PUBLISH", "cache:invalidate", json.dumps(message))
            self.changed_everywhere(name, since)
            self.warm()
            self.spent(reads={USER: 1})

    def test_nothing_is_missed_while_redis_is_away(self):
        self.rig.redis.kill()
        self.database.rows[USER] = {"name": "Grace"}  # Told to nobody: nobody can be.
        for instance in (self.a, self.b):
            eventually(lambda: instance.get(USER).value == {"name": "Grace"},
                       "copies are dropped when messages may have been missed")
        self.rig.redis.start()
        self.warm()
        self.sees(self.a.get(USER), {"name": "Grace"}, "copy")
        self.sees(self.b.get(USER), {"name": "Grace"}, "copy")


class OrderLists(OrdersCase):
    def test_never_stale_for_node_and_php(self):
        self.order(self.a, "rope")
        self.spent()

        # All are warm: each kind of list is computed once, by whoever asks first.
        self.lists(self.a.get(LIST), ["rope"], "stored")
        self.lists(self.b.get(LIST), ["rope"], "hit")
        self.lists(self.b.get(LIST + "?status=open"), ["rope"], "stored")
        self.lists(self.a.get(LIST + "?status=open"), ["rope"], "hit")
        self.spent(reads={LIST_READ: 1, OPEN_READ: 1})
        self.assertEqual(self.rig.php("list", 7), "rope")
        self.assertEqual(self.rig.php("list", 7), "rope")
        self.assertEqual(self.rig.php("list", 7, hawser=0), "rope")
        self.spent(reads={LIST_READ: 1})
        self.assertGreater(self.life("legacy:orders:7:text"), HOUR - 60_000)  # PHP's own.

        # An order on A: all lists are gone, PHP's too, and B's next is new.
        second = self.order(self.a, "anchor")
        self.assertEqual(self.rig.direct("EXISTS", "legacy:orders:7:text"), 0)
        self.lists(self.b.get(LIST), ["rope", "anchor"], "stored")
        self.lists(self.a.get(LIST), ["rope", "anchor"], "hit")
        self.lists(self.a.get(LIST + "?status=open"), ["rope", "anchor"], "stored")
        self.spent(reads={LIST_READ: 1, OPEN_READ: 1})
        self.assertEqual(self.rig.php("list", 7), "rope, anchor")
        self.spent(reads={LIST_READ: 1})

        # An order by PHP, which only publishes: both instances' lists are new.
        self.rig.php("create", 7, "chain")
        self.lists(self.a.get(LIST), ["rope", "anchor", "chain"], "stored")
        self.lists(self.b.get(LIST), ["rope", "anchor", "chain"], "hit")
        self.spent(reads={LIST_READ: 1})
        self.assertEqual(self.rig.php("list", 7), "rope, anchor, chain")
        self.spent(reads={LIST_READ: 1})

        # An order that is done leaves one list and changes the other.
        self.b.ask("PUT", f"/orders/{second}", {"status": "done"})
        self.lists(self.a.get(LIST + "?status=open"), ["rope", "chain"], "stored")
        self.lists(self.b.get(LIST), ["rope", "anchor", "chain"], "stored")
        self.assertEqual(self.rig.php("list", 7), "rope, anchor, chain")

    def test_other_companies_keep_theirs(self):
        self.database.create_order("8", {"title": "sail"})
        self.lists(self.a.get("/companies/8/orders"), ["sail"], "stored")
        self.assertEqual(self.rig.php("list", 8), "sail")
        self.order(self.a, "rope")
        self.rig.php("create", 7, "anchor")
        self.spent(reads={"/companies/8/orders?status=all": 2})
        self.lists(self.b.get("/companies/8/orders"), ["sail"], "hit")
        self.assertEqual(self.rig.php("list", 8), "sail")
        self.spent()

    def test_a_value_from_before_an_invalidation_is_not_stored_after_it(self):
        self.order(self.a, "rope")
        with self.database.holding(LIST_READ) as gate:
            slow = self.rig.later(self.a.get, LIST)
            eventually(lambda: gate.held == 1, "A has read the old list")
            self.order(self.b, "anchor")
        self.lists(slow.result(), ["rope"], "refused")
        self.lists(self.a.get(LIST), ["rope", "anchor"], "stored")
        self.lists(self.b.get(LIST), ["rope", "anchor"], "hit")

    def test_a_value_from_before_a_message_is_not_stored_after_it(self):
        self.order(self.a, "rope")
        with self.database.holding(LIST_READ) as gate:
            slow = self.rig.later(self.b.get, LIST)
            eventually(lambda: gate.held == 1, "B has read the old list")
            self.rig.php("create", 7, "anchor", hawser=0)
        self.lists(slow.result(), ["rope"], "refused")
        self.lists(self.b.get(LIST), ["rope", "anchor"], "stored")

    def test_a_value_from_before_a_restart_of_redis_is_not_stored_after_it(self):
        self.order(self.a, "rope")
        with self.database.holding(LIST_READ) as gate:
            slow = self.rig.later(self.a.get, LIST)
            eventually(lambda: gate.held == 1, "A has read the old list")
            self.order(self.b, "anchor")
            self.rig.redis.kill()
            self.rig.redis.start()
            for hawser in (0, 1):
                eventually(lambda: self.client(hawser)("PING") == "PONG", "Redis is back")
        self.lists(slow.result(), ["rope"], "refused")
        self.lists(self.b.get(LIST), ["rope", "anchor"], "stored")
        self.lists(self.a.get(LIST), ["rope", "anchor"], "hit")

    def test_fifty_at_once_for_a_cold_list_compute_it_once(self):
        self.order(self.a, "rope")
        with self.database.holding(LIST_READ) as gate:
            asked = [self.rig.later(instance.get, LIST)
                     for _ in range(25) for instance in (self.a, self.b)]
            eventually(lambda: gate.held == 1 and self.waiting() == 49, "the others wait")
        answers = [future.result() for future in asked]
        for answer in answers:
            self.lists(answer, ["rope"])
        self.assertEqual(sorted(answer.cache for answer in answers), ["hit"] * 49 + ["stored"])
        self.spent(reads={LIST_READ: 1})

    def waiting(self):
        return sum(hawser.metric("hawser_commands_in_flight") for hawser in self.rig.hawsers)


class Details(OrdersCase):
    def test_deleted_by_their_key(self):
        order = f"/orders/{self.order(self.a, 'rope')}"
        self.assertEqual(self.a.get(order).cache, "stored")
        self.assertEqual(self.b.get(order).cache, "hit")
        self.spent(reads={order: 1})
        self.a.ask("PUT", order, {"title": "new rope"})
        changed = self.b.get(order)
        self.assertEqual((changed.value["title"], changed.cache), ("new rope", "stored"))
        changed = self.a.get(order)
        self.assertEqual((changed.value["title"], changed.cache), ("new rope", "hit"))
        self.spent(reads={order: 1})


class Analytics(OrdersCase):
    def test_old_figures_at_once_while_one_computes_the_new(self):
        self.order(self.a, "rope")
        self.sees(self.a.get(ANALYTICS), {"orders": 1}, "stored")
        self.order(self.a, "anchor")
        self.sees(self.b.get(ANALYTICS), {"orders": 1}, "hit")  # A little old, as is allowed.
        self.spent(reads={ANALYTICS: 1})

        # Its last minutes have begun.
        self.assertEqual(self.rig.direct("PEXPIRE", "analytics:7", 60_000), 1)
        with self.database.holding(ANALYTICS) as gate:
            for instance in (self.a, self.b, self.a, self.b):
                answer = instance.get(ANALYTICS)
                self.sees(answer, {"orders": 1}, "stale")
                self.assertLess(answer.seconds, AT_ONCE)
            eventually(lambda: gate.held == 1, "one computes")
            self.sees(self.b.get(ANALYTICS), {"orders": 1}, "stale")
        eventually(lambda: self.a.get(ANALYTICS).cache == "hit", "the new figures are stored")
        self.sees(self.a.get(ANALYTICS), {"orders": 2}, "hit")
        self.sees(self.b.get(ANALYTICS), {"orders": 2}, "hit")
        self.spent(reads={ANALYTICS: 1})
        self.assertGreater(self.life("analytics:7"), 5 * 60_000)

    def test_cold_figures_are_computed_once(self):
        self.order(self.a, "rope")
        with self.database.holding(ANALYTICS) as gate:
            first = self.rig.later(self.a.get, ANALYTICS)
            eventually(lambda: gate.held == 1, "A computes")
            second = self.rig.later(self.b.get, ANALYTICS)
            eventually(lambda: self.rig.hawsers[1].metric("hawser_commands_in_flight") == 1,
                       "B waits")
        self.sees(first.result(), {"orders": 1}, "stored")
        self.sees(second.result(), {"orders": 1}, "hit")
        self.spent(reads={ANALYTICS: 1})


class InstanceCrash(OrdersCase):
    lease = 2000
    settings = {"cache_wait": "500ms"}

    def test_the_lease_of_a_dead_instance_ends_by_time(self):
        self.order(self.b, "rope")
        with self.database.holding(LIST_READ) as gate:
            lost = self.rig.later(self.a.get, LIST)
            eventually(lambda: gate.held == 1, "A computes")
            since = time.monotonic()
            self.a.kill()
            self.assertIsNotNone(lost.exception())

            # Nobody waits for it longer than hawser lets them.
            asked = [self.rig.later(self.b.get, LIST) for _ in range(10)]
            for future in asked:
                answer = future.result()
                self.lists(answer, ["rope"])
                self.assertLess(answer.seconds, 0.5 + AT_ONCE)

            # When its time is over B gets the lease, and the list is in the cache again.
            def stored():
                answer = self.b.get(LIST)
                self.lists(answer, ["rope"])
                self.assertLess(answer.seconds, 0.5 + AT_ONCE)
                return answer.cache in ("stored", "hit")
            eventually(stored, "B stores the list", self.lease / 1000 + AT_ONCE)
            self.assertGreater(time.monotonic() - since, self.lease / 1000 - 0.6)
        self.database.spent()
        self.lists(self.b.get(LIST), ["rope"], "hit")
        self.spent()

    def test_what_a_dead_instance_was_refreshing_is_still_served(self):
        self.order(self.b, "rope")
        self.sees(self.b.get(ANALYTICS), {"orders": 1}, "stored")
        self.order(self.b, "anchor")
        self.rig.direct("PEXPIRE", "analytics:7", 60_000)
        with self.database.holding(ANALYTICS) as gate:
            self.sees(self.a.get(ANALYTICS), {"orders": 1}, "stale")
            eventually(lambda: gate.held == 1, "A computes")
            self.a.kill()
            answer = self.b.get(ANALYTICS)
            self.sees(answer, {"orders": 1}, "stale")
            self.assertLess(answer.seconds, AT_ONCE)
            eventually(lambda: self.b.get(ANALYTICS).cache == "hit", "B refreshes",
                       self.lease / 1000 + AT_ONCE)
        self.sees(self.b.get(ANALYTICS), {"orders": 2}, "hit")


class HawserCrash(OrdersCase):
    # Small batches, so that there is a middle to be killed in.
    settings = {"cache_batch": "5", "cache_sweep": "1s"}
    reports = 20_000

    def fill(self, client, company, count):
        tag = f"company:{company}:orders"
        for start in range(0, count, 1000):
            replies = client.pipeline(*(
                ("CACHE.SET", f"orders:{company}:report{i}", "[]", "EX", 3600, "TAGS", 1, tag)
                for i in range(start, min(start + 1000, count))))
            self.assertEqual(set(replies), {"OK"})

    def left(self, company):
        """Of the keys of a company, how many are in Redis."""
        return sum(self.rig.direct.pipeline(*(
            ("EXISTS", *(f"orders:{company}:report{i}" for i in range(start, start + 1000)))
            for start in range(0, self.reports, 1000))))

    def test_the_other_finishes_an_invalidation(self):
        client = self.client(1)
        self.fill(client, 7, self.reports)
        self.fill(client, 8, 100)
        self.lists(self.b.get(LIST), [], "stored")
        self.lists(self.a.get(LIST), [], "hit")

        # A's hawser is killed in the middle.
        size = self.rig.direct("DBSIZE")
        lost = self.rig.later(self.a.ask, "POST", LIST, {"title": "rope"})
        eventually(lambda: self.rig.direct("DBSIZE") < size - 1000, "A's hawser deletes")
        self.rig.hawsers[0].process.kill()
        self.rig.hawsers[0].process.wait()
        self.assertGreater(self.left(7), 0, "it was killed in the middle")
        self.assertEqual(lost.result().status, 503)  # Stored, and the cache not told for sure.

        # A goes on without a cache; B's hawser finishes, and B sees the order.
        self.lists(self.a.get(LIST), ["rope"], "computed")
        eventually(lambda: self.left(7) == 0, "B's hawser has deleted the rest")
        eventually(lambda: titles(self.b.get(LIST)) == ["rope"], "B sees the order")
        self.assertEqual(self.left(8), 100)
        self.assertEqual(self.rig.direct("EXISTS", f"__hawser__:drain:{TAG}"), 0)
        self.assertEqual(self.rig.direct("HEXISTS", "__hawser__:drains", TAG), 0)


if __name__ == "__main__":
    unittest.main()
