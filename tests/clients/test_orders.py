"""What each reader of an order service sees: two instances in Node behind two hawsers, and a PHP
program that knows nothing of tags."""

import itertools
import json
import time
import unittest

from orders_rig import Rig
from resp import Client
from servers import eventually

HOUR = 3600 * 1000

# What a pushed change may take to be seen everywhere, and what an answer that waits for nobody may
# take, seconds.
PUSHED = 1.0
AT_ONCE = 1.0


def titles(answer):
    return [order["title"] for order in answer.value]


class OrdersCase(unittest.TestCase):
    """A rig for each class; each test has a company, a user and reference data of its own."""

    lease = 10_000
    settings = {}
    numbers = itertools.count(1)

    @classmethod
    def setUpClass(cls):
        cls.rig = Rig(lease=cls.lease, **cls.settings)
        cls.a, cls.b, cls.database = cls.rig.a, cls.rig.b, cls.rig.database

    @classmethod
    def tearDownClass(cls):
        cls.rig.close()

    def setUp(self):
        number = next(self.numbers)
        self.company = number
        self.tag = f"company:{number}:orders"
        self.list = f"/companies/{number}/orders"
        self.list_read = f"{self.list}?status=all"  # As the database is asked for it.
        self.open_list = f"{self.list}?status=open"
        self.analytics = f"/companies/{number}/analytics"
        self.user = f"/users/{number}"
        self.countries = f"/reference/countries{number}"
        self.database.spent()

    def run(self, result=None):
        failed = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > failed:
            print(self.rig.logs())

    def order(self, instance, title):
        answer = instance.ask("POST", self.list, {"title": title})
        self.assertEqual(answer.status, 200, answer)
        return answer.value["id"]

    def sees(self, answer, value, cache):
        self.assertEqual((answer.status, answer.value, answer.cache), (200, value, cache))

    def lists(self, answer, wanted, cache):
        self.assertEqual((answer.status, titles(answer), answer.cache), (200, wanted, cache))

    def spent(self, *paths):
        """The database was asked once for each of these since the last call, and nothing else."""
        self.assertEqual(self.database.spent(), {path: 1 for path in paths})

    def life(self, key):
        """Of a key in Redis, ms."""
        return self.rig.direct("PTTL", key)

    def client(self, hawser):
        client = Client(self.rig.hawsers[hawser].port)
        self.addCleanup(client.close)
        return client


class Fresh(OrdersCase):
    """Each kind of data, step by step, and nobody crashes."""

    def test_reference_data_is_kept_for_a_day_and_thrown_away_by_name(self):
        path = self.countries
        self.database.rows[path] = ["DE"]
        self.sees(self.a.get(path), ["DE"], "stored")
        self.sees(self.b.get(path), ["DE"], "hit")
        self.spent(path)
        self.assertGreater(self.life(path[1:].replace("/", ":")), 23 * HOUR)

        # A change that nobody tells of is not seen.
        self.database.rows[path] = ["DE", "AT"]
        self.sees(self.a.get(path), ["DE"], "hit")

        self.a.ask("PUT", path, ["DE", "AT", "CH"])
        self.sees(self.b.get(path), ["DE", "AT", "CH"], "stored")
        self.sees(self.a.get(path), ["DE", "AT", "CH"], "hit")
        self.spent(path)

    def test_reference_data_of_another_name_stays(self):
        self.database.rows |= {self.countries: ["DE"], "/reference/units": ["kg"]}
        self.a.get(self.countries)
        self.a.get("/reference/units")
        self.b.ask("PUT", self.countries, ["AT"])
        self.sees(self.b.get("/reference/units"), ["kg"], "hit")
        self.sees(self.b.get(self.countries), ["AT"], "stored")

    def test_lists_are_never_stale_for_node_and_php(self):
        self.order(self.a, "rope")

        # All are warm: each kind of list is computed once, by whoever asks first.
        self.lists(self.a.get(self.list), ["rope"], "stored")
        self.lists(self.b.get(self.list), ["rope"], "hit")
        self.lists(self.b.get(self.open_list), ["rope"], "stored")
        self.lists(self.a.get(self.open_list), ["rope"], "hit")
        self.spent(self.list_read, self.open_list)
        self.assertEqual(self.php_list(), "rope")
        self.spent(self.list_read)
        self.assertEqual(self.php_list(), "rope")
        self.assertEqual(self.rig.php("list", self.company, hawser=0), "rope")
        self.spent()
        php_key = f"legacy:orders:{self.company}:text"
        self.assertGreater(self.life(php_key), HOUR - 60_000)  # What SETEX said.

        # An order on A: all lists are gone, PHP's too, and B's next is new.
        second = self.order(self.a, "anchor")
        self.assertEqual(self.rig.direct("EXISTS", php_key), 0)
        self.lists(self.b.get(self.list), ["rope", "anchor"], "stored")
        self.lists(self.a.get(self.list), ["rope", "anchor"], "hit")
        self.lists(self.a.get(self.open_list), ["rope", "anchor"], "stored")
        self.spent(self.list_read, self.open_list)
        self.assertEqual(self.php_list(), "rope, anchor")
        self.spent(self.list_read)

        # An order by PHP, which only publishes: both instances' lists are new.
        self.rig.php("create", self.company, "chain")
        self.lists(self.a.get(self.list), ["rope", "anchor", "chain"], "stored")
        self.lists(self.b.get(self.list), ["rope", "anchor", "chain"], "hit")
        self.spent(self.list_read)
        self.assertEqual(self.php_list(), "rope, anchor, chain")
        self.spent(self.list_read)

        # An order that is done leaves one list and changes the other.
        self.b.ask("PUT", f"/orders/{second}", {"status": "done"})
        self.lists(self.a.get(self.open_list), ["rope", "chain"], "stored")
        self.lists(self.b.get(self.list), ["rope", "anchor", "chain"], "stored")
        self.assertEqual(self.a.get(self.list).value[1]["status"], "done")

    def php_list(self):
        return self.rig.php("list", self.company)

    def test_lists_of_other_companies_stay(self):
        other = next(self.numbers)
        self.database.create_order(str(other), {"title": "sail"})
        self.lists(self.a.get(f"/companies/{other}/orders"), ["sail"], "stored")
        self.assertEqual(self.rig.php("list", other), "sail")
        self.order(self.a, "rope")
        self.rig.php("create", self.company, "anchor")
        self.database.spent()
        self.lists(self.b.get(f"/companies/{other}/orders"), ["sail"], "hit")
        self.assertEqual(self.rig.php("list", other), "sail")
        self.spent()

    def test_details_are_deleted_by_their_key(self):
        order = f"/orders/{self.order(self.a, 'rope')}"
        self.assertEqual(self.a.get(order).cache, "stored")
        self.assertEqual(self.b.get(order).cache, "hit")
        self.spent(order)
        self.a.ask("PUT", order, {"title": "new rope"})
        for instance, cache in ((self.b, "stored"), (self.a, "hit")):
            answer = instance.get(order)
            self.assertEqual((answer.value["title"], answer.cache), ("new rope", cache))
        self.spent(order)

    def test_analytics_are_old_at_once_while_one_computes_the_new(self):
        path, key = self.analytics, f"analytics:{self.company}"
        self.order(self.a, "rope")
        self.sees(self.a.get(path), {"orders": 1}, "stored")
        self.order(self.a, "anchor")
        self.sees(self.b.get(path), {"orders": 1}, "hit")  # A little old, as is allowed.
        self.spent(path)

        # Its last minutes have begun.
        self.assertEqual(self.rig.direct("PEXPIRE", key, 60_000), 1)
        with self.database.holding(path) as gate:
            for instance in (self.a, self.b, self.a, self.b):
                answer = instance.get(path)
                self.sees(answer, {"orders": 1}, "stale")
                self.assertLess(answer.seconds, AT_ONCE)
            eventually(lambda: gate.held == 1, "one computes")
            self.sees(self.b.get(path), {"orders": 1}, "stale")
        eventually(lambda: self.a.get(path).cache == "hit", "the new figures are stored")
        self.sees(self.a.get(path), {"orders": 2}, "hit")
        self.sees(self.b.get(path), {"orders": 2}, "hit")
        self.spent(path)
        self.assertGreater(self.life(key), 5 * 60_000)


class Pushed(OrdersCase):
    """User contexts, kept in each process and dropped on what hawser tells."""

    def warm(self):
        """Both instances answer from their own memory."""
        for instance in (self.a, self.b):
            eventually(lambda: instance.get(self.user).cache == "copy", "a copy in the process")

    def changed_everywhere(self, name, since):
        for instance in (self.a, self.b):
            eventually(lambda: instance.get(self.user).value == {"name": name}, f"{name} is seen",
                       max(0.0, PUSHED - (time.monotonic() - since)))

    def setUp(self):
        super().setUp()
        self.key = f"user:{self.company}"
        self.database.rows[self.user] = {"name": "Ada"}
        self.warm()
        self.spent(self.user)

    def test_a_change_on_one_instance(self):
        self.assertLessEqual(self.life(self.key), 5 * 60 * 1000)
        listeners = [self.client(0), self.client(1)]
        for listener in listeners:
            listener("SUBSCRIBE", "cache:invalidate")

        since = time.monotonic()
        self.a.ask("PUT", self.user, {"name": "Grace"})
        # It sees its own writes at once.
        self.assertEqual(self.a.get(self.user).value, {"name": "Grace"})
        self.changed_everywhere("Grace", since)
        self.warm()
        self.spent(self.user)

        # Every subscriber heard of it once, whichever hawser it is at, with the same stamps.
        heard = [listener.read() for listener in listeners]
        self.assertEqual(heard[0], heard[1])
        message = json.loads(heard[0][2])
        self.assertEqual({name: message[name] for name in ("type", "target", "source")},
                         {"type": "keys", "target": [self.key], "source": "orders"})
        self.assertLessEqual({"origin", "sequence", "time"}, message.keys())
        self.client(0)("PUBLISH", "cache:invalidate", '{"the": "end"}')
        for listener in listeners:
            self.assertEqual(listener.read()[2], b'{"the": "end"}')

    def test_a_change_told_by_anybody(self):
        for hawser, name, message in (
                (0, "Grace", {"type": "keys", "target": self.key}),
                (1, "Edsger", {"type": "keys", "target": ["user:0", self.key]}),
                (1, "Barbara", {"type": "pattern", "target": ["user:*"]})):
            with self.subTest(message=message):
                self.database.rows[self.user] = {"name": name}
                since = time.monotonic()
                self.client(hawser)("PUBLISH", "cache:invalidate", json.dumps(message))
                self.changed_everywhere(name, since)
                self.warm()
                self.spent(self.user)


class Leases(OrdersCase):
    """Many at once, slow ones, and those who come too late."""

    def test_fifty_at_once_for_a_cold_list_compute_it_once(self):
        self.order(self.a, "rope")
        with self.database.holding(self.list_read) as gate:
            asked = [self.rig.later(instance.get, self.list)
                     for _ in range(25) for instance in (self.a, self.b)]
            eventually(lambda: gate.held == 1 and self.waiting() == 49, "the others wait")
        answers = [future.result() for future in asked]
        for answer in answers:
            self.assertEqual(titles(answer), ["rope"])
        self.assertEqual(sorted(answer.cache for answer in answers), ["hit"] * 49 + ["stored"])
        self.spent(self.list_read)

    def waiting(self):
        """Callers who wait in the hawsers for what another computes."""
        return sum(hawser.metric("hawser_cache_lease_waiters") for hawser in self.rig.hawsers)

    def test_who_waits_for_a_cold_list_holds_up_nobody(self):
        self.database.rows[self.countries] = ["DE"]
        self.b.get(self.countries)
        with self.database.holding(self.list_read) as gate:
            first = self.rig.later(self.a.get, self.list)
            eventually(lambda: gate.held == 1, "A computes")
            second = self.rig.later(self.b.get, self.list)
            eventually(lambda: self.waiting() == 1, "B waits")
            answer = self.b.get(self.countries)
            self.sees(answer, ["DE"], "hit")
            self.assertLess(answer.seconds, AT_ONCE)
            self.assertFalse(second.done())
        self.lists(first.result(), [], "stored")
        self.lists(second.result(), [], "hit")

    def test_cold_analytics_are_computed_once(self):
        self.order(self.a, "rope")
        with self.database.holding(self.analytics) as gate:
            first = self.rig.later(self.a.get, self.analytics)
            eventually(lambda: gate.held == 1, "A computes")
            second = self.rig.later(self.b.get, self.analytics)
            eventually(lambda: self.waiting() == 1, "B waits")
        self.sees(first.result(), {"orders": 1}, "stored")
        self.sees(second.result(), {"orders": 1}, "hit")
        self.spent(self.analytics)

    def test_a_program_with_one_connection_waits_for_its_own_fill(self):
        client = self.client(0)
        key = f"report:{self.company}"
        value, state, token = client("CACHE.GET", key, "LEASE", 10_000)
        self.assertEqual((value, state), (None, b"miss"))
        since = time.monotonic()
        client.send("CACHE.GET", key, "LEASE", 10_000)  # Another of its requests, on a miss, too.
        client.send("CACHE.SET", key, "figures", "LEASE", token)
        self.assertEqual(client.read(), [b"figures", b"fresh", None])
        self.assertEqual(client.read(), "OK")
        self.assertLess(time.monotonic() - since, AT_ONCE)

    def test_a_value_from_before_an_invalidation_is_not_stored_after_it(self):
        self.too_late(self.a, lambda: self.order(self.b, "anchor"))

    def test_a_value_from_before_a_message_is_not_stored_after_it(self):
        self.too_late(self.b, lambda: self.rig.php("create", self.company, "anchor", hawser=0))

    def too_late(self, instance, change):
        self.order(self.a, "rope")
        with self.database.holding(self.list_read) as gate:
            slow = self.rig.later(instance.get, self.list)
            eventually(lambda: gate.held == 1, "the old list has been read")
            change()
        self.lists(slow.result(), ["rope"], "refused")
        self.lists(self.a.get(self.list), ["rope", "anchor"], "stored")
        self.lists(self.b.get(self.list), ["rope", "anchor"], "hit")


class RedisCrash(OrdersCase):
    def test_nothing_old_is_left_in_a_process_or_stored_later(self):
        self.database.rows[self.user] = {"name": "Ada"}
        for instance in (self.a, self.b):
            eventually(lambda: instance.get(self.user).cache == "copy", "a copy in the process")
        self.order(self.a, "rope")
        with self.database.holding(self.list_read) as gate:
            slow = self.rig.later(self.a.get, self.list)
            eventually(lambda: gate.held == 1, "A has read the old list")
            self.order(self.b, "anchor")

            # What is changed while Redis is away can be told to nobody.
            self.rig.redis.kill()
            self.database.rows[self.user] = {"name": "Grace"}
            for instance in (self.a, self.b):
                eventually(lambda: instance.get(self.user).value == {"name": "Grace"},
                           "the copy is dropped")
            self.rig.redis.start()
            for hawser in (0, 1):
                eventually(lambda: self.client(hawser)("PING") == "PONG", "Redis is back")
        self.lists(slow.result(), ["rope"], "refused")
        self.lists(self.b.get(self.list), ["rope", "anchor"], "stored")
        self.lists(self.a.get(self.list), ["rope", "anchor"], "hit")
        for instance in (self.a, self.b):
            eventually(lambda: instance.get(self.user).cache == "copy", "a copy again")
            self.sees(instance.get(self.user), {"name": "Grace"}, "copy")


class InstanceCrash(OrdersCase):
    lease = 2000
    settings = {"cache_wait": "500ms"}
    longest = 0.5 + AT_ONCE  # cache.wait, and the answer itself.

    def test_the_lease_of_a_dead_instance_ends_by_time(self):
        self.order(self.b, "rope")
        self.order(self.b, "anchor")
        analytics = f"analytics:{self.company}"
        self.sees(self.b.get(self.analytics), {"orders": 2}, "stored")
        self.order(self.b, "chain")
        self.rig.direct("PEXPIRE", analytics, 60_000)
        wanted = ["rope", "anchor", "chain"]
        with (self.database.holding(self.list_read) as lists,
              self.database.holding(self.analytics) as figures):
            since = time.monotonic()
            lost = self.rig.later(self.a.get, self.list)
            eventually(lambda: lists.held == 1, "A computes the list")
            self.sees(self.a.get(self.analytics), {"orders": 2}, "stale")
            eventually(lambda: figures.held == 1, "A computes the figures")
            self.a.kill()
            self.assertIsNotNone(lost.exception())

            # Nobody waits for it longer than hawser lets them, and nobody at all for old figures.
            asked = [self.rig.later(self.b.get, self.list) for _ in range(10)]
            figures_seen = self.b.get(self.analytics)
            self.sees(figures_seen, {"orders": 2}, "stale")
            self.assertLess(figures_seen.seconds, AT_ONCE)
            for future in asked:
                self.assertEqual(titles(future.result()), wanted)
                self.assertLess(future.result().seconds, self.longest)

            # When its time is over B gets the leases, and all is in the cache again.
            def stored():
                answer = self.b.get(self.list)
                self.assertEqual(titles(answer), wanted)
                self.assertLess(answer.seconds, self.longest)
                return answer.cache in ("stored", "hit")
            eventually(stored, "B stores the list", self.lease / 1000 + self.longest)
            self.assertGreater(time.monotonic() - since, self.lease / 1000)
            eventually(lambda: self.b.get(self.analytics).cache == "hit", "B stores the figures",
                       self.lease / 1000 + self.longest)
        self.database.spent()
        self.lists(self.b.get(self.list), wanted, "hit")
        self.sees(self.b.get(self.analytics), {"orders": 3}, "hit")
        self.spent()


class HawserCrash(OrdersCase):
    # Small batches, so that there is a middle to be killed in.
    settings = {"cache_batch": "5", "cache_sweep": "1s"}
    reports = 20_000

    def fill(self, company, count):
        client = self.client(1)
        for start in range(0, count, 1000):
            replies = client.pipeline(*(
                ("CACHE.SET", f"orders:{company}:report{i}", "[]", "EX", 3600,
                 "TAGS", 1, f"company:{company}:orders")
                for i in range(start, min(start + 1000, count))))
            self.assertEqual(set(replies), {"OK"})

    def left(self, company):
        """How many of a company's reports are in Redis."""
        return sum(self.rig.direct.pipeline(*(
            ("EXISTS", *(f"orders:{company}:report{i}" for i in range(start, start + 1000)))
            for start in range(0, self.reports, 1000))))

    def test_the_other_finishes_an_invalidation(self):
        other = next(self.numbers)
        self.fill(self.company, self.reports)
        self.fill(other, 100)
        self.lists(self.b.get(self.list), [], "stored")
        self.lists(self.a.get(self.list), [], "hit")

        # A's hawser is killed in the middle.
        size = self.rig.direct("DBSIZE")
        lost = self.rig.later(self.a.ask, "POST", self.list, {"title": "rope"})
        eventually(lambda: self.rig.direct("DBSIZE") < size - 1000, "A's hawser deletes")
        self.rig.hawsers[0].process.kill()
        self.rig.hawsers[0].process.wait()
        self.assertGreater(self.left(self.company), 0, "it was killed in the middle")
        self.assertEqual(lost.result().status, 503)  # Ordered, but who knows what is cached.

        # A goes on without a cache; B's hawser finishes, and B sees the order.
        self.lists(self.a.get(self.list), ["rope"], "computed")
        eventually(lambda: self.left(self.company) == 0, "B's hawser has deleted the rest")
        eventually(lambda: titles(self.b.get(self.list)) == ["rope"], "B sees the order")
        self.assertEqual(self.left(other), 100)
        self.assertEqual(self.rig.direct("EXISTS", f"__hawser__:drain:{self.tag}"), 0)
        self.assertEqual(self.rig.direct("HEXISTS", "__hawser__:drains", self.tag), 0)


if __name__ == "__main__":
    unittest.main()
