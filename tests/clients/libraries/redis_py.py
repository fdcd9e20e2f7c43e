"""redis-py: client, pool, pipelines, locks, pub/sub in a thread."""

import os
import sys
import threading
import time
import traceback

import redis

ADDRESS = {"host": os.environ["REDIS_HOST"], "port": int(os.environ["REDIS_PORT"])}
USER, PASSWORD = os.environ["REDIS_USER"], os.environ["REDIS_USER_PASSWORD"]
OUTAGE = ("PROXYOPEN ", "PROXYDOWN ", "PROXYLOST ", "PROXYTIMEOUT ")
is_well = True


def ask(question):
    print("?", question, flush=True)
    answer = sys.stdin.readline().strip()
    assert answer == "yes", f"{question}: {answer}"


def check(name):
    def run(body):
        global is_well
        try:
            body()
            print("ok", name, flush=True)
        except Exception:
            is_well = False
            print("not ok", name, flush=True)
            traceback.print_exc(file=sys.stdout)
    return run


def equal(seen, wanted):
    assert seen == wanted, f"{seen!r} is not {wanted!r}"


def fails(error, text, function, *arguments):
    try:
        function(*arguments)
    except error as seen:
        assert str(seen).startswith(text), seen
        return
    raise AssertionError(f"no {error.__name__}")


def eventually(condition, what):
    end = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < end, f"not within 15 s: {what}"
        time.sleep(0.01)


def connect(**more):
    return redis.Redis(**{**ADDRESS, "decode_responses": True, **more})


@check("connect")
def _():
    client = connect(client_name="orders-web", health_check_interval=1, socket_timeout=10,
                     retry_on_timeout=True)
    assert client.ping()
    equal(client.client_getname(), "orders-web")
    assert any(one["name"] == "orders-web" for one in client.client_list())
    assert client.info("server")["redis_version"]


@check("lanes")
def _():
    pool = redis.ConnectionPool(**ADDRESS)
    clients = [redis.Redis(connection_pool=pool) for _ in range(5)]
    threads = [threading.Thread(target=client.set, args=(f"lane{i}", i))
               for i, client in enumerate(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ask("lanes main/db0/resp2=1")
    listener = clients[0].pubsub()
    listener.subscribe("news")
    equal(listener.get_message(timeout=5)["type"], "subscribe")
    clients[1].publish("news", "first")
    ask("lanes main/db0/resp2=1 publisher=1 subscriber=1")
    popped = []
    workers = [threading.Thread(target=lambda: popped.append(clients[0].blpop("jobs", 5)[1]))
               for _ in range(2)]
    for worker in workers:
        worker.start()
    ask("lanes main/db0/resp2=1 pinned=2 publisher=1 subscriber=1")
    clients[2].rpush("jobs", "a", "b")
    for worker in workers:
        worker.join()
    equal(sorted(popped), [b"a", b"b"])
    connect(db=3).ping()
    ask("lanes main/db0/resp2=1 main/db3/resp2=1 publisher=1 subscriber=1")
    listener.close()


@check("readme")
def _():
    for written in os.environ["README_TCP"], os.environ["README_UNIX"]:
        client = eval(written)
        client.set("readme", written)
        equal(client.get("readme"), written.encode())


@check("unix")
def _():
    redis.Redis(unix_socket_path=os.environ["REDIS_SOCKET"], db=2).set("where", "unix")
    equal(connect(db=2).get("where"), "unix")


@check("login")
def _():
    url = f"redis://{USER}:{PASSWORD}@{ADDRESS['host']}:{ADDRESS['port']}/0"
    equal(redis.Redis.from_url(url).acl_whoami(), USER)
    equal(connect(password=os.environ["REDIS_PASSWORD"]).acl_whoami(), "default")


@check("wrong password")
def _():
    # 4.3 knows the error by another text, Redis 6's of old: here as with Redis itself.
    fails(redis.exceptions.AuthenticationError, "", connect(username=USER, password="wrong").ping) \
        if redis.__version__ >= "4.4" else \
        fails(redis.exceptions.ResponseError, "WRONGPASS",
              connect(username=USER, password="wrong").ping)


@check("database")
def _():
    zero, one = connect(), connect(db=1)
    zero.set("where", "zero")
    one.set("where", "one")
    equal(zero.get("where"), "zero")
    single = connect(single_connection_client=True)
    single.select(1)
    equal(single.get("where"), "one")


@check("errors")
def _():
    client = connect()
    client.set("text", "abc")
    fails(redis.ResponseError, "value is not an integer", client.incr, "text")
    fails(redis.ResponseError, "unknown command", client.execute_command, "NOSUCHCOMMAND")
    fails(redis.exceptions.NoPermissionError, "command denied by proxy policy",
          client.execute_command, "REPLCONF", "capa", "eof")


@check("pipeline")
def _():
    pipeline = connect().pipeline(transaction=False)
    for i in range(500):
        pipeline.set(f"p{i}", i).get(f"p{i}")
    pipeline.incr("text")
    *replies, error = pipeline.execute(raise_on_error=False)
    equal(replies, [reply for i in range(500) for reply in (True, str(i))])
    assert isinstance(error, redis.ResponseError)


@check("transaction")
def _():
    client, other = connect(), connect()
    client.set("stock", 5)
    equal(client.pipeline().decr("stock").get("stock").execute(), [4, "4"])
    with client.pipeline() as pipeline:
        pipeline.watch("stock")
        other.set("stock", 8)
        pipeline.multi()
        pipeline.decr("stock")
        fails(redis.WatchError, "", pipeline.execute)

    def take(pipeline):
        left = int(pipeline.get("stock"))
        pipeline.multi()
        pipeline.set("stock", left - 1)

    takers = [threading.Thread(target=client.transaction, args=(take, "stock")) for _ in range(7)]
    for taker in takers:
        taker.start()
    for taker in takers:
        taker.join()
    equal(client.get("stock"), "1")
    with client.lock("the lock", timeout=5):
        assert not other.lock("the lock", timeout=5).acquire(blocking=False)
    assert other.lock("the lock", timeout=5).acquire(blocking=False)


@check("script")
def _():
    client = connect()
    reserve = client.register_script(
        "local left = redis.call('DECRBY', KEYS[1], ARGV[1]) return {left, ARGV[1]}")
    client.set("left", 10)
    equal(reserve(keys=["left"], args=[3]), [7, "3"])
    client.script_flush()
    equal(reserve(keys=["left"], args=[3]), [4, "3"])
    client.script_flush()
    pipeline = client.pipeline()
    reserve(keys=["left"], args=[1], client=pipeline)
    equal(pipeline.get("left").execute(), [[3, "1"], "3"])
    fails(redis.ResponseError, "SOLD out", client.eval, "return redis.error_reply('SOLD out')", 0)


@check("pubsub")
def _():
    client = connect()
    got = []
    listener = client.pubsub(ignore_subscribe_messages=True)
    note = lambda message: got.append((message["pattern"], message["channel"], message["data"]))
    listener.subscribe(a=note, b=note)
    listener.psubscribe(**{"a*": note})
    thread = listener.run_in_thread(sleep_time=0.01)
    eventually(lambda: client.publish("a", 1) == 2, "both subscriptions are there")
    client.publish("b", "22")
    eventually(lambda: (None, "b", "22") in got, "the messages")
    assert {(None, "a", "1"), ("a*", "a", "1")} <= set(got), got
    thread.stop()
    thread.join()


@check("stream")
def _():
    client = connect()
    client.xgroup_create("orders", "billing", "$", mkstream=True)
    ask("later XADD orders * item rope")
    [[stream, [[number, fields]]]] = client.xreadgroup("billing", "w1", {"orders": ">"}, block=5000)
    equal((stream, fields), ("orders", {"item": "rope"}))
    equal(client.xpending("orders", "billing")["pending"], 1)
    equal(client.xack("orders", "billing", number), 1)
    equal(client.xpending("orders", "billing")["pending"], 0)
    equal(client.xreadgroup("billing", "w1", {"orders": ">"}, block=50), [])


@check("blocking")
def _():
    client = connect()
    ask("later LPUSH b:2 two")
    equal(client.brpop(["b:1", "b:2"], 5), ("b:2", "two"))
    ask("later ZADD b:z 2 m")
    equal(client.bzpopmin("b:z", 5), ("b:z", "m", 2.0))
    equal(client.blpop("b:1", 0.05), None)


@check("big values")
def _():
    client = connect(decode_responses=False)
    value = bytes(range(256)) * (8 * 4096)
    client.set("big", value)
    assert client.get("big") == value
    equal(client.getrange("big", 255, 257), b"\xff\x00\x01")
    client.delete("big")


@check("scan")
def _():
    client = connect()
    client.mset({f"mine:s{i}": i for i in range(500)})
    equal(len(set(client.scan_iter("mine:s*", count=50))), 500)
    client.hset("h", mapping={f"f{i}": i for i in range(300)})
    equal(len(dict(client.hscan_iter("h", count=50))), 300)


def survives(fault, are_errors):
    """Eight threads on one pool ask for words of their own while `fault` happens."""
    client = connect(retry_on_error=[redis.ConnectionError] if are_errors is None else [])
    over = threading.Event()
    wrong = []
    good, errors = [0] * 8, [0] * 8

    def work(index):
        turn = 0
        while not over.is_set():
            turn += 1
            word = f"{index}-{turn}"
            try:
                reply = client.eval("return ARGV[1]", 0, word)
                good[index] += 1
                if reply != word:
                    wrong.append((word, reply))
            except redis.RedisError as error:
                errors[index] += 1
                if are_errors is not None and not are_errors(error):
                    wrong.append(error)
                time.sleep(0.005)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    try:
        eventually(lambda: min(good) >= 20, "all threads get their words")
        fault(lambda: eventually(lambda: min(errors) >= 1, "all threads see the fault"))
        good[:] = [0] * 8
        eventually(lambda: min(good) >= 20, "all threads get their words again")
    finally:
        over.set()
        for thread in threads:
            thread.join()
    equal(wrong, [])


def hears(listener):
    client = connect()

    def is_heard():
        client.publish("state", "after")
        try:
            return (listener.get_message(timeout=0.1) or {}).get("data") == "after"
        except redis.RedisError:
            return False

    eventually(is_heard, "the subscriber hears again")


@check("redis restarts")
def _():
    listener = connect().pubsub()
    listener.subscribe("state")
    connect().set("kept", "yes")

    def fault(failing):
        ask("kill")
        failing()
        ask("start")

    survives(fault, lambda error: isinstance(error, redis.ResponseError)
             and str(error).startswith(OUTAGE))
    equal(connect().get("kept"), "yes")
    hears(listener)


@check("hawser restarts")
def _():
    listener = connect().pubsub()
    listener.psubscribe("stat?")
    survives(lambda failing: ask("hawser restart"), None)
    hears(listener)


sys.exit(0 if is_well else 1)
