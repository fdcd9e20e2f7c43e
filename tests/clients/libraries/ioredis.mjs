// ioredis, of any version: node ioredis.mjs PACKAGE

import { address, ask, assert, blob, check, closing, event, eventually, finish, hawserRestart, MEGABYTE,
         README, REDIS_PASSWORD, REDIS_SOCKET, REDIS_URL, REDIS_USER, REDIS_USER_PASSWORD, redisRestart,
         survives, written } from './check.mjs';

const library = process.argv[2];
const { Redis, ReplyError } = await import(library);
const speaksResp3 = library === 'ioredis6';

const options = { retryStrategy: () => 50, maxRetriesPerRequest: 20 };
const end = (redis) => redis.disconnect();
function open(...more) {
  const redis = closing(new Redis({ ...address, ...options }, ...more), end);
  redis.on('error', () => {});
  return redis;
}
function connect(more) {
  const redis = closing(new Redis({ ...address, ...options, ...more }), end);
  redis.on('error', () => {});
  return redis;
}

await check('connect', async () => {
  const redis = connect({ connectionName: 'orders-web' });
  assert.equal(await redis.ping(), 'PONG');
  assert.equal(await redis.client('GETNAME'), 'orders-web');
  assert.match(await redis.client('LIST'), / name=orders-web /);
  assert.equal(redis.serverInfo?.redis_mode ?? 'standalone', 'standalone');
  assert.match(await redis.info('server'), /redis_version:/);
});

const version = speaksResp3 ? 3 : 2;
// Hawser opens the first lane by itself, for RESP2.
const main = 'main/db0/resp2=1' + (speaksResp3 ? ' main/db0/resp3=1' : '');

await check('lanes', async () => {
  const clients = Array.from({ length: 5 }, () => connect());
  await Promise.all(clients.map((redis, i) => redis.set(`lane${i}`, i)));
  await ask(`lanes ${main}`);
  const [subscriber, worker, ...others] = clients;
  await subscriber.subscribe('news');
  await others[0].publish('news', 'first');
  await ask(`lanes ${main} publisher=1 subscriber=1`);
  const waiting = [worker.blpop('jobs', 5), others[0].blpop('jobs', 5)];
  await ask(`lanes ${main} pinned=2 publisher=1 subscriber=1`);
  await others[1].rpush('jobs', 'a', 'b');
  const popped = await Promise.all(waiting);
  assert.deepEqual(popped.map(([, job]) => job).sort(), ['a', 'b']);
  const elsewhere = connect({ db: 3 });
  await elsewhere.ping();
  await ask(`lanes ${main} main/db3/resp${version}=1 publisher=1 subscriber=1`);
});

if (speaksResp3) {
  await check('protocol', async () => {
    const [three, two] = [connect({ replyMapping: 'resp3' }), connect({ protocol: 2 })];
    await three.zadd('scores', 1.5, 'a');
    assert.equal(await three.zscore('scores', 'a'), 1.5);
    assert.equal(await two.zscore('scores', 'a'), '1.5');
    await three.hset('hash', { a: 1, b: 2 });
    assert.deepEqual(await three.hgetall('hash'), { a: '1', b: '2' });
    await ask('lanes main/db0/resp2=1 main/db0/resp3=1 main/db3/resp3=1 publisher=1 subscriber=1');
  });
}

await check('readme', async () => {
  for (const snippet of [README.tcp, README.unix]) {
    const redis = closing(written(snippet, { Redis }), end);
    await redis.set('readme', snippet);
    assert.equal(await redis.get('readme'), snippet);
  }
});

await check('unix', async () => {
  const redis = closing(new Redis(REDIS_SOCKET, { db: 2 }), end);
  await redis.set('where', 'unix');
  assert.equal(await connect({ db: 2 }).get('where'), 'unix');
});

await check('login', async () => {
  const url = new URL(REDIS_URL);
  [url.username, url.password] = [REDIS_USER, REDIS_USER_PASSWORD];
  const redis = closing(new Redis(url.href), end);
  assert.equal(await redis.acl('WHOAMI'), REDIS_USER);
  const byPassword = connect({ password: REDIS_PASSWORD });
  assert.equal(await byPassword.acl('WHOAMI'), 'default');
});

await check('wrong password', async () => {
  const redis = closing(new Redis({ ...address, username: REDIS_USER, password: 'wrong',
                                    lazyConnect: true, retryStrategy: null }), end);
  const failure = event(redis, 'error');
  await redis.connect().catch(() => {});
  const error = await failure;
  assert.ok(error instanceof ReplyError, error);
  assert.match(error.message, /^WRONGPASS/);
});

await check('database', async () => {
  const [zero, one] = [connect(), connect({ db: 1 })];
  await zero.set('where', 'zero');
  await one.set('where', 'one');
  assert.equal(await zero.get('where'), 'zero');
  await zero.select(1);
  assert.equal(await zero.get('where'), 'one');
});

await check('errors', async () => {
  const redis = connect();
  await redis.set('text', 'abc');
  await assert.rejects(redis.incr('text'), (error) =>
    error instanceof ReplyError && error.command.name === 'incr' && /^ERR value is not/.test(error.message));
  await assert.rejects(redis.call('NOSUCHCOMMAND'), /ERR unknown command/);
  await assert.rejects(redis.call('REPLCONF', 'capa', 'eof'), /NOPERM command denied by proxy policy/);
});

await check('pipeline', async () => {
  const redis = connect();
  const pipeline = redis.pipeline();
  for (let i = 0; i < 500; i++) pipeline.set(`p${i}`, i).get(`p${i}`);
  pipeline.incr('text');
  const results = await pipeline.exec();
  assert.equal(results.length, 1001);
  results.slice(0, 1000).forEach(([error, value], i) => {
    assert.equal(error, null);
    assert.equal(value, i % 2 === 0 ? 'OK' : String((i - 1) / 2));
  });
  assert.ok(results[1000][0] instanceof ReplyError);
  const automatic = connect({ enableAutoPipelining: true });
  const values = await Promise.all(Array.from({ length: 100 }, (_, i) => automatic.get(`p${i}`)));
  assert.deepEqual(values, Array.from({ length: 100 }, (_, i) => String(i)));
});

await check('transaction', async () => {
  const [redis, other] = [connect(), connect()];
  await redis.set('stock', 5);
  assert.deepEqual(await redis.multi().decr('stock').get('stock').exec(), [[null, 4], [null, '4']]);
  await redis.watch('stock');
  await other.set('stock', 9);
  assert.equal(await redis.multi().decr('stock').exec(), null);
  await redis.watch('stock');
  assert.deepEqual(await redis.multi().decr('stock').exec(), [[null, 8]]);
  await redis.multi({ pipeline: false });
  assert.equal(await redis.set('stock', 1), 'QUEUED');
  assert.equal(await other.get('stock'), '8');
  assert.deepEqual(await redis.exec(), [[null, 'OK']]);
});

await check('script', async () => {
  const redis = connect({ scripts: { reserve: { numberOfKeys: 1, lua: `
    local left = redis.call('DECRBY', KEYS[1], ARGV[1]) return {left, ARGV[1]}` } } });
  await redis.set('left', 10);
  assert.deepEqual(await redis.reserve('left', 3), [7, '3']);
  await redis.script('FLUSH');
  assert.deepEqual(await redis.reserve('left', 3), [4, '3']);
  await redis.script('FLUSH');
  const [reserved] = await redis.pipeline().reserve('left', 1).ping().exec();
  assert.deepEqual(reserved, [null, [3, '1']]);
  redis.defineCommand('broken', { numberOfKeys: 0, lua: 'return redis.error_reply("SOLD out")' });
  await assert.rejects(redis.broken(), (error) => error instanceof ReplyError && /^SOLD out/.test(error.message));
});

await check('pubsub', async () => {
  const [subscriber, publisher] = [connect(), connect()];
  const got = [];
  subscriber.on('message', (channel, message) => got.push([channel, message]));
  subscriber.on('messageBuffer', (channel, message) => got.push([String(channel), message.length]));
  subscriber.on('pmessage', (pattern, channel, message) => got.push([pattern, channel, message]));
  assert.equal(await subscriber.subscribe('a', 'b'), 2);
  assert.equal(await subscriber.psubscribe('a*'), 3);
  await publisher.publish('a', '1');
  await publisher.publish('b', '22');
  await eventually(() => got.length >= 5, 'all messages');
  assert.deepEqual(got.map(String).toSorted(), ['a*,a,1', 'a,1', 'a,1', 'b,2', 'b,22']);
  assert.equal(await subscriber.unsubscribe('a', 'b'), 1);
  assert.equal(await subscriber.punsubscribe(), 0);
  assert.equal(await subscriber.get('stock'), '1');
});

await check('stream', async () => {
  const [worker, producer] = [connect(), connect()];
  await worker.xgroup('CREATE', 'orders', 'billing', '$', 'MKSTREAM');
  const read = () => worker.xreadgroup('GROUP', 'billing', 'w1', 'COUNT', 10, 'BLOCK', 5000,
                                       'STREAMS', 'orders', '>');
  const waiting = read();
  const id = await producer.xadd('orders', '*', 'item', 'rope');
  assert.deepEqual(await waiting, [['orders', [[id, ['item', 'rope']]]]]);
  assert.equal((await worker.xpending('orders', 'billing'))[0], 1);
  assert.equal(await worker.xack('orders', 'billing', id), 1);
  assert.equal((await worker.xpending('orders', 'billing'))[0], 0);
  assert.equal(await worker.xreadgroup('GROUP', 'billing', 'w1', 'BLOCK', 50, 'STREAMS', 'orders', '>'), null);
});

await check('blocking', async () => {
  const [worker, producer] = [connect({ blockingTimeout: 3000 }), connect()];
  const waiting = [worker.brpop('b:1', 'b:2', 5), worker.blmove('b:3', 'b:4', 'LEFT', 'RIGHT', 5)];
  await producer.lpush('b:2', 'two');
  assert.deepEqual(await waiting[0], ['b:2', 'two']);
  await producer.lpush('b:3', 'three');
  assert.equal(await waiting[1], 'three');
  assert.equal(await worker.blpop('b:1', 0.05), null);
  const [score] = [worker.bzpopmin('b:z', 5), await producer.zadd('b:z', 2, 'm')];
  assert.deepEqual((await score).map(String), ['b:z', 'm', '2']);
});

await check('big values', async () => {
  const redis = connect();
  const value = blob(8 * MEGABYTE);
  const [set, small, back] = await Promise.all([
    redis.set('big', value), redis.get('stock'), redis.getBuffer('big')]);
  assert.equal(set, 'OK');
  assert.equal(small, '1');
  assert.ok(value.equals(back));
  assert.equal(await redis.strlen('big'), value.length);
  await redis.del('big');
});

await check('scan', async () => {
  const redis = connect({ keyPrefix: 'mine:' });
  await redis.mset(Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`s${i}`, i])));
  const seen = new Set();
  for await (const keys of redis.scanStream({ match: 'mine:s*', count: 50 })) keys.forEach((key) => seen.add(key));
  assert.equal(seen.size, 500);
  await redis.hset('h', Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${i}`, i])));
  let fields = 0;
  for await (const found of redis.hscanStream('h', { count: 50 })) fields += found.length / 2;
  assert.equal(fields, 300);
});

// Errors of hawser come as the library's own error replies.
const isOutage = (error) => error instanceof ReplyError && /^PROXY(OPEN|DOWN|LOST|TIMEOUT) /.test(error.message);

await check('redis restarts', async () => {
  const [redis, subscriber] = [connect(), connect()];
  const got = new Set();
  subscriber.on('message', (channel, message) => got.add(message));
  await subscriber.subscribe('state');
  let closed = 0;
  redis.on('close', () => closed++);
  await redis.set('kept', 'yes');
  await survives({ say: (word) => redis.eval('return ARGV[1]', 0, word), fault: redisRestart, fits: isOutage });
  assert.equal(closed, 0, 'the connection was kept');
  assert.equal(await redis.get('kept'), 'yes');
  await eventually(async () => {
    await redis.publish('state', 'after');
    return got.has('after');
  }, 'the subscriber hears again');
});

await check('hawser restarts', async () => {
  const [redis, subscriber, worker] = [connect(), connect(), connect({ maxRetriesPerRequest: null })];
  const got = new Set();
  subscriber.on('pmessage', (pattern, channel, message) => got.add(message));
  await subscriber.psubscribe('stat?');
  const waiting = worker.blpop('later', 0);
  await survives({ say: (word) => redis.eval('return ARGV[1]', 0, word), fault: hawserRestart });
  await eventually(async () => {
    await redis.publish('state', 'after');
    return got.has('after');
  }, 'the subscriber hears again');
  await redis.rpush('later', 'job');
  assert.deepEqual(await waiting, ['later', 'job']);
});

finish();
