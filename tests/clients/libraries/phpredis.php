<?php
// phpredis: one request after the other, as PHP's programs do.

const OUTAGE = '/^PROXY(OPEN|DOWN|LOST|TIMEOUT) /';
$is_well = true;

function ask(string $question): void
{
    fwrite(STDOUT, "? $question\n");
    $answer = trim(fgets(STDIN));
    if ($answer !== 'yes') throw new Exception("$question: $answer");
}

function equal($seen, $wanted): void
{
    if ($seen !== $wanted) throw new Exception(json_encode($seen) . ' is not ' . json_encode($wanted));
}

function fits(string $pattern, ?string $text): void
{
    if (!preg_match($pattern, (string) $text)) throw new Exception("'$text' is not like $pattern");
}

function eventually(callable $condition, string $what): void
{
    for ($end = microtime(true) + 15; !$condition(); usleep(10_000)) {
        if (microtime(true) > $end) throw new Exception("not within 15 s: $what");
    }
}

function check(string $name, callable $body): void
{
    global $is_well;
    try {
        $body();
        fwrite(STDOUT, "ok $name\n");
    } catch (Throwable $error) {
        $is_well = false;
        fwrite(STDOUT, "not ok $name\n$error\n");
    }
}

function connect(int $database = 0): Redis
{
    $redis = new Redis();
    $redis->connect(getenv('REDIS_HOST'), (int) getenv('REDIS_PORT'), 5);
    if ($database !== 0) $redis->select($database);
    return $redis;
}

// Without an exception phpredis answers false and keeps the text.
function error_of(Redis $redis, callable $body): string
{
    $redis->clearLastError();
    try {
        equal($body(), false);
    } catch (RedisException $error) {
        return $error->getMessage();
    }
    return (string) $redis->getLastError();
}

check('connect', function () {
    $redis = connect();
    equal($redis->ping(), true);
    equal($redis->client('setname', 'orders-web'), true);
    equal($redis->client('getname'), 'orders-web');
    equal(in_array('orders-web', array_column($redis->client('list'), 'name')), true);
    fits('/^\d/', $redis->info()['redis_version']);
});

check('lanes', function () {
    $clients = array_map(fn () => connect(), range(1, 5));
    foreach ($clients as $i => $redis) $redis->set("lane$i", $i);
    ask('lanes main/db0/resp2=1');
    equal($clients[0]->watch('lane0'), true);
    ask('lanes main/db0/resp2=1 pinned=1');
    equal($clients[0]->unwatch(), true);
    $elsewhere = connect(3);
    equal($elsewhere->ping(), true);
    ask('lanes main/db0/resp2=1 main/db3/resp2=1');
    $persistent = new Redis();
    $persistent->pconnect(getenv('REDIS_HOST'), (int) getenv('REDIS_PORT'), 5, 'one');
    equal($persistent->get('lane1'), '1');
});

check('readme', function () {
    foreach ([getenv('README_TCP'), getenv('README_UNIX')] as $written) {
        $redis = new Redis();
        eval("$written;");
        $redis->set('readme', $written);
        equal($redis->get('readme'), $written);
    }
});

check('unix', function () {
    $redis = new Redis();
    $redis->connect(getenv('REDIS_SOCKET'));
    $redis->select(2);
    $redis->set('where', 'unix');
    equal(connect(2)->get('where'), 'unix');
});

check('login', function () {
    $redis = connect();
    equal($redis->auth([getenv('REDIS_USER'), getenv('REDIS_USER_PASSWORD')]), true);
    equal($redis->rawCommand('ACL', 'WHOAMI'), getenv('REDIS_USER'));
    $redis = connect();
    equal($redis->auth(getenv('REDIS_PASSWORD')), true);
    equal($redis->rawCommand('ACL', 'WHOAMI'), 'default');
});

check('wrong password', function () {
    try {
        connect()->auth([getenv('REDIS_USER'), 'wrong']);
    } catch (RedisException $error) {
        fits('/^WRONGPASS/', $error->getMessage());
        return;
    }
    throw new Exception('it was taken');
});

check('database', function () {
    [$zero, $one] = [connect(), connect(1)];
    $zero->set('where', 'zero');
    $one->set('where', 'one');
    equal($zero->get('where'), 'zero');
    $zero->select(1);
    equal($zero->get('where'), 'one');
    equal($zero->move('where', 4), true);
});

check('errors', function () {
    $redis = connect();
    $redis->set('text', 'abc');
    fits('/^ERR value is not/', error_of($redis, fn () => $redis->incr('text')));
    fits('/^ERR unknown command/', error_of($redis, fn () => $redis->rawCommand('NOSUCHCOMMAND')));
    fits('/^NOPERM command denied by proxy policy/',
         error_of($redis, fn () => $redis->rawCommand('REPLCONF', 'capa', 'eof')));
});

check('pipeline', function () {
    $pipeline = connect()->pipeline();
    for ($i = 0; $i < 500; $i++) $pipeline->set("p$i", $i)->get("p$i");
    $pipeline->incr('text');
    $wanted = [];
    for ($i = 0; $i < 500; $i++) array_push($wanted, true, "$i");
    equal($pipeline->exec(), [...$wanted, false]);
});

check('transaction', function () {
    [$redis, $other] = [connect(), connect()];
    $redis->set('stock', 5);
    equal($redis->multi()->decr('stock')->get('stock')->exec(), [4, '4']);
    $redis->watch('stock');
    $other->set('stock', 9);
    equal($redis->multi()->decr('stock')->exec(), false);
    $redis->watch('stock');
    equal($redis->multi()->decr('stock')->exec(), [8]);
    $redis->multi();
    $redis->set('stock', 1);
    equal($other->get('stock'), '8');
    equal($redis->exec(), [true]);
    $redis->multi()->set('stock', 7);
    equal($redis->discard(), true);
    equal($redis->get('stock'), '1');
});

check('script', function () {
    $redis = connect();
    $lua = "local left = redis.call('DECRBY', KEYS[1], ARGV[1]) return {left, ARGV[1]}";
    $redis->set('left', 10);
    $reserve = function () use ($redis, $lua) {
        $redis->clearLastError();
        $left = $redis->evalSha(sha1($lua), ['left', 3], 1);
        return str_starts_with((string) $redis->getLastError(), 'NOSCRIPT')
            ? $redis->eval($lua, ['left', 3], 1) : $left;
    };
    equal($reserve(), [7, '3']);
    equal($reserve(), [4, '3']);
    $redis->script('flush');
    equal($reserve(), [1, '3']);
    fits('/^SOLD out/', error_of($redis, fn () => $redis->eval("return redis.error_reply('SOLD out')")));
});

check('pubsub', function () {
    // What a subscriber hears; its loop ends when the connection does.
    $heard = function (string $subscribe, string $channel) {
        $got = null;
        try {
            connect()->$subscribe(['a', $channel], function ($redis, ...$words) use (&$got) {
                $got = implode(' ', $words);
                $redis->close();
            });
        } catch (RedisException) {
        }
        return $got;
    };
    ask('later PUBLISH b last');
    equal($heard('subscribe', 'b'), 'b last');
    ask('later PUBLISH c2 by-pattern');
    equal($heard('psubscribe', 'c*'), 'c* c2 by-pattern');
});

check('stream', function () {
    $redis = connect();
    $redis->xGroup('CREATE', 'orders', 'billing', '$', true);
    ask('later XADD orders * item rope');
    $read = $redis->xReadGroup('billing', 'w1', ['orders' => '>'], 10, 5000);
    equal(array_values($read['orders']), [['item' => 'rope']]);
    equal($redis->xPending('orders', 'billing')[0], 1);
    equal($redis->xAck('orders', 'billing', array_keys($read['orders'])), 1);
    equal($redis->xPending('orders', 'billing')[0], 0);
    equal((array) $redis->xReadGroup('billing', 'w1', ['orders' => '>'], 10, 50), []);
});

check('blocking', function () {
    $redis = connect();
    ask('later LPUSH b:2 two');
    equal($redis->brPop(['b:1', 'b:2'], 5), ['b:2', 'two']);
    ask('later RPUSH b:3 three');
    equal($redis->brpoplpush('b:3', 'b:4', 5), 'three');
    equal($redis->blPop(['b:1'], 1), []);
});

check('big values', function () {
    $redis = connect();
    $value = str_repeat(implode('', array_map('chr', range(0, 255))), 8 * 4096);
    equal($redis->set('big', $value), true);
    equal($redis->get('big') === $value, true);
    $redis->del('big');
});

check('scan', function () {
    $redis = connect();
    $redis->setOption(Redis::OPT_SCAN, Redis::SCAN_RETRY);
    for ($i = 0; $i < 500; $i++) $values["mine:s$i"] = $i;
    $redis->mset($values);
    $cursor = null;
    $seen = [];
    while ($keys = $redis->scan($cursor, 'mine:s*', 50)) $seen += array_flip($keys);
    equal(count($seen), 500);
});

// Asks for words, and for several in a pipeline, until `count` turns in a row went well; gives the first
// error. A wrong word ends it.
function words(Redis $redis, int $count): ?string
{
    $first = null;
    for ($good = $turn = 0, $end = microtime(true) + 15; $good < $count; $turn++) {
        if (microtime(true) > $end) throw new Exception("no words within 15 s; first: $first");
        try {
            $redis->clearLastError();
            $reply = $redis->eval('return ARGV[1]', ["w$turn"]);
            if ($reply === false) throw new RedisException($redis->getLastError());
            equal($reply, "w$turn");
            $pipeline = $redis->pipeline();
            for ($i = 0; $i < 5; $i++) $pipeline->eval('return ARGV[1]', ["p$turn-$i"]);
            foreach ($pipeline->exec() as $i => $one) {
                if ($one !== false) equal($one, "p$turn-$i");
            }
            $good++;
        } catch (RedisException $error) {
            $first ??= $error->getMessage();
            if ($count === PHP_INT_MAX) return $first;
            $good = 0;
            usleep(5000);
        }
    }
    return $first;
}

check('redis restarts', function () {
    $redis = connect();
    equal(words($redis, 20), null);
    $redis->set('kept', 'yes');
    ask('kill');
    fits(OUTAGE, words($redis, PHP_INT_MAX));
    ask('start');
    words($redis, 20);
    equal($redis->get('kept'), 'yes');
});

check('hawser restarts', function () {
    $redis = connect();
    equal(words($redis, 20), null);
    ask('hawser restart');
    words($redis, 20);
});

exit($is_well ? 0 : 1);
