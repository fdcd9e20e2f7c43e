// node-redis, of any version: node node_redis.mjs PACKAGE

import { address, ask, assert, blob, check, closing, event, eventually, finish, hawserRestart, MEGABYTE,
         README, REDIS_PASSWORD, REDIS_SOCKET, REDIS_URL, REDIS_USER, REDIS_USER_PASSWORD, redisRestart,
         survives, written } from './check.mjs';

const library = process.argv[2];
const { createClient, createClientPool, defineScript, ErrorReply, WatchError } = await import(library);
const usual = library === 'redis6' ? 3 : 2; // The RESP version it speaks if not told.

const socket = { ...address, reconnectStrategy: 50 };
const end = (client) => client.destroy();
async function connect(more = {}) {
  const client = closing(createClient({ socket, ...more }), end);
  client.on('error', () => {});
  return client.connect();
}

await check('connect', async () => {
  const client = await connect({ name: 'orders-web' });
  assert.equal(await client.ping(), 'PONG');
  assert.equal(await client.clientGetName(), 'orders-web');
  assert.ok((await client.clientList()).some(({ name }) => name === 'orders-web'));
  assert.match(await client.info('server'), /redis_version:/);
});

// Hawser opens the first lane by itself, for RESP2.
const main = 'main/db0/resp2=1' + (usual === 3 ? ' main/db0/resp3=1' : '');

await check('lanes', async () => {
  const clients = await Promise.all(Array.from({ length: 5 }, () => connect()));
  await Promise.all(clients.map((client, i) => client.set(`lane${i}`, i)));
  await ask(`lanes ${main}`);
  const [subscriber, worker, ...others] = clients;
  await subscriber.subscribe('news', () => {});
  await others[0].publish('news', 'first');
  await ask(`lanes ${main} publisher=1 subscriber=1`);
  const waiting = [worker.blPop('jobs', 5), others[0].blPop('jobs', 5)];
  await ask(`lanes ${main} pinned=2 publisher=1 subscriber=1`);
  await others[1].rPush('jobs', ['a', 'b']);
  const popped = await Promise.all(waiting);
  assert.deepEqual(popped.map(({ element }) => element).sort(), ['a', 'b']);
  await (await connect({ database: 3 })).ping();
  await ask(`lanes ${main} main/db3/resp${usual}=1 publisher=1 subscriber=1`);
});

await check('protocol', async () => {
  const [three, two] = [await connect({ RESP: 3 }), await connect({ RESP: 2 })];
  await three.zAdd('scores', { score: 1.5, value: 'a' });
  assert.equal(await three.zScore('scores', 'a'), 1.5);
  assert.equal(await two.zScore('scores', 'a'), 1.5);
  assert.equal(await two.sendCommand(['ZSCORE', 'scores', 'a']), '1.5');
  await three.hSet('hash', { a: 1, b: 2 });
  assert.deepEqual({ ...(await three.hGetAll('hash')) }, { a: '1', b: '2' });
  const got = [];
  await three.subscribe('pushed', (message) => got.push(message));
  await three.publish('pushed', await three.get('lane1')); // RESP3: a subscriber may do anything.
  await eventually(() => got.length > 0, 'the message');
  assert.deepEqual(got, ['1']);
  await ask(`lanes main/db0/resp2=1 main/db0/resp3=1 main/db3/resp${usual}=1 publisher=1 subscriber=1`);
});

await check('readme', async () => {
  for (const snippet of [README.tcp, README.unix]) {
    const client = closing(await written(snippet, { createClient }).connect(), end);
    await client.set('readme', snippet);
    assert.equal(await client.get('readme'), snippet);
  }
});

await check('unix', async () => {
  const client = await connect({ socket: { path: REDIS_SOCKET }, database: 2 });
  await client.set('where', 'unix');
  assert.equal(await (await connect({ database: 2 })).get('where'), 'unix');
});

await check('login', async () => {
  const url = new URL(REDIS_URL);
  [url.username, url.password] = [REDIS_USER, REDIS_USER_PASSWORD];
  assert.equal(await (await connect({ url: url.href, socket: undefined })).aclWhoAmI(), REDIS_USER);
  assert.equal(await (await connect({ password: REDIS_PASSWORD })).aclWhoAmI(), 'default');
});

await check('wrong password', async () => {
  const client = closing(createClient({
    socket: { ...address, reconnectStrategy: false }, username: REDIS_USER, password: 'wrong' }), (it) => it.isOpen && it.destroy());
  const failure = event(client, 'error');
  const refused = assert.rejects(client.connect(), ErrorReply);
  const error = await failure;
  await refused;
  assert.ok(error instanceof ErrorReply, error);
  assert.match(error.message, /^WRONGPASS/);
});

await check('database', async () => {
  const [zero, one] = [await connect(), await connect({ database: 1 })];
  await zero.set('where', 'zero');
  await one.set('where', 'one');
  assert.equal(await zero.get('where'), 'zero');
  await zero.select(1);
  assert.equal(await zero.get('where'), 'one');
});

await check('errors', async () => {
  const client = await connect();
  await client.set('text', 'abc');
  await assert.rejects(client.incr('text'), (error) =>
    error instanceof ErrorReply && /^ERR value is not/.test(error.message));
  await assert.rejects(client.sendCommand(['NOSUCHCOMMAND']), /ERR unknown command/);
  await assert.rejects(client.sendCommand(['REPLCONF', 'capa', 'eof']), /NOPERM command denied by proxy policy/);
});

await check('pipeline', async () => {
  const client = await connect();
  const numbers = Array.from({ length: 500 }, (_, i) => i);
  const replies = await Promise.all(numbers.flatMap((i) => [client.set(`p${i}`, i), client.get(`p${i}`)]));
  assert.deepEqual(replies, numbers.flatMap((i) => ['OK', String(i)]));
  const pipeline = client.multi();
  for (const i of numbers) pipeline.get(`p${i}`);
  assert.deepEqual(await pipeline.execAsPipeline(), numbers.map(String));
});

await check('transaction', async () => {
  const [client, other] = [await connect(), await connect()];
  await client.set('stock', 5);
  assert.deepEqual(await client.multi().decr('stock').get('stock').exec(), [4, '4']);
  await client.watch('stock');
  await other.set('stock', 9);
  await assert.rejects(client.multi().decr('stock').exec(), WatchError);
  await client.watch('stock');
  assert.deepEqual(await client.multi().decr('stock').exec(), [8]);
  const pool = closing(await createClientPool({ socket }, { minimum: 1, maximum: 4 }).connect(), end);
  await Promise.all(Array.from({ length: 8 }, () => pool.execute(async (one) => {
    for (;;) {
      await one.watch('stock');
      const left = Number(await one.get('stock'));
      try {
        return await one.multi().set('stock', left - 1).exec();
      } catch (error) {
        if (!(error instanceof WatchError)) throw error;
      }
    }
  })));
  assert.equal(await client.get('stock'), '0');
  await client.set('stock', 1);
});

await check('script', async () => {
  const reserve = defineScript({
    NUMBER_OF_KEYS: 1,
    SCRIPT: `local left = redis.call('DECRBY', KEYS[1], ARGV[1]) return {left, ARGV[1]}`,
    parseCommand(parser, key, count) {
      parser.pushKey(key);
      parser.push(String(count));
    },
    transformReply: (reply) => reply,
  });
  const client = await connect({ scripts: { reserve } });
  await client.set('left', 10);
  assert.deepEqual(await client.reserve('left', 3), [7, '3']);
  await client.scriptFlush();
  assert.deepEqual(await client.reserve('left', 3), [4, '3']);
  assert.deepEqual(await client.multi().reserve('left', 1).get('left').exec(), [[3, '1'], '3']);
  await assert.rejects(client.eval('return redis.error_reply("SOLD out")'), (error) =>
    error instanceof ErrorReply && /^SOLD out/.test(error.message));
});

await check('pubsub', async () => {
  const [subscriber, publisher] = [await connect(), await connect()];
  const got = [];
  const note = (message, channel) => got.push(`${channel} ${message}`);
  await subscriber.subscribe(['a', 'b'], note);
  await subscriber.subscribe('b', (message) => got.push(`bytes ${message.length}`), true);
  await subscriber.pSubscribe('a*', (message, channel) => got.push(`a* ${channel} ${message}`));
  await publisher.publish('a', '1');
  await publisher.publish('b', '22');
  await eventually(() => got.length >= 4, 'all messages');
  assert.deepEqual(got.toSorted(), ['a 1', 'a* a 1', 'b 22', 'bytes 2']);
  // Without names version 5 waits for ever here, with Redis itself too.
  await subscriber.unsubscribe(['a', 'b']);
  await subscriber.pUnsubscribe('a*');
  // In version 5 now a Buffer, with Redis itself too.
  assert.equal(String(await subscriber.get('stock')), '1');
  await subscriber.sSubscribe('shard', note);
  await publisher.sPublish('shard', '3');
  await eventually(() => got.includes('shard 3'), 'the sharded message');
});

await check('stream', async () => {
  const [worker, producer] = [await connect(), await connect()];
  await worker.xGroupCreate('orders', 'billing', '$', { MKSTREAM: true });
  const read = (BLOCK) => worker.xReadGroup('billing', 'w1', { key: 'orders', id: '>' }, { COUNT: 10, BLOCK });
  const waiting = read(5000);
  const id = await producer.xAdd('orders', '*', { item: 'rope' });
  const [stream] = await waiting;
  assert.equal(stream.name, 'orders');
  assert.deepEqual(stream.messages.map(({ id, message }) => ({ id, message: { ...message } })),
                   [{ id, message: { item: 'rope' } }]);
  assert.equal((await worker.xPending('orders', 'billing')).pending, 1);
  assert.equal(await worker.xAck('orders', 'billing', id), 1);
  assert.equal((await worker.xPending('orders', 'billing')).pending, 0);
  assert.equal(await read(50), null);
});

await check('blocking', async () => {
  const [worker, second, producer] = [await connect(), await connect(), await connect()];
  const waiting = [worker.brPop(['b:1', 'b:2'], 5), second.blMove('b:3', 'b:4', 'LEFT', 'RIGHT', 5)];
  await producer.lPush('b:2', 'two');
  const { key, element } = await waiting[0];
  assert.deepEqual([key, element], ['b:2', 'two']);
  await producer.lPush('b:3', 'three');
  assert.equal(await waiting[1], 'three');
  assert.equal(await worker.blPop('b:1', 0.05), null);
  const popping = worker.bzPopMin('b:z', 5);
  await producer.zAdd('b:z', { score: 2, value: 'm' });
  assert.deepEqual({ ...(await popping) }, { key: 'b:z', value: 'm', score: 2 });
});

await check('big values', async () => {
  const client = await connect();
  const bytes = client.withTypeMapping({ [36]: Buffer }); // 36: "$", a bulk string.
  const value = blob(8 * MEGABYTE);
  const [set, small, back] = await Promise.all([
    client.set('big', value), client.get('stock'), bytes.get('big')]);
  assert.equal(set, 'OK');
  assert.equal(small, '1');
  assert.ok(value.equals(back));
  await client.del('big');
});

await check('scan', async () => {
  const client = await connect();
  await client.mSet(Array.from({ length: 500 }, (_, i) => [`mine:s${i}`, String(i)]));
  const seen = new Set();
  for await (const keys of client.scanIterator({ MATCH: 'mine:s*', COUNT: 50 })) {
    keys.forEach((key) => seen.add(key));
  }
  assert.equal(seen.size, 500);
  await client.hSet('h', Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${i}`, i])));
  let fields = 0;
  for await (const entries of client.hScanIterator('h', { COUNT: 50 })) fields += entries.length;
  assert.equal(fields, 300);
});

// Errors of hawser come as the library's own error replies.
const isOutage = (error) => error instanceof ErrorReply && /^PROXY(OPEN|DOWN|LOST|TIMEOUT) /.test(error.message);
const say = (client) => (word) => client.eval('return ARGV[1]', { arguments: [word] });

await check('redis restarts', async () => {
  const [client, subscriber] = [await connect(), await connect()];
  const got = new Set();
  await subscriber.subscribe('state', (message) => got.add(message));
  let lost = 0;
  client.on('reconnecting', () => lost++);
  await client.set('kept', 'yes');
  await survives({ say: say(client), fault: redisRestart, fits: isOutage });
  assert.equal(lost, 0, 'the connection was kept');
  assert.equal(await client.get('kept'), 'yes');
  await eventually(async () => {
    await client.publish('state', 'after');
    return got.has('after');
  }, 'the subscriber hears again');
});

await check('hawser restarts', async () => {
  const [client, subscriber, worker] = [await connect(), await connect(), await connect()];
  const got = new Set();
  await subscriber.pSubscribe('stat?', (message) => got.add(message));
  // Unlike others it does not ask again by itself for what was lost.
  const job = (async () => {
    for (;;) {
      const popped = await worker.blPop('later', 0).catch(() => null);
      if (popped) return popped.element;
    }
  })();
  await survives({ say: say(client), fault: hawserRestart });
  await eventually(async () => {
    await client.publish('state', 'after');
    return got.has('after');
  }, 'the subscriber hears again');
  await client.rPush('later', 'job');
  assert.equal(await job, 'job');
});

finish();
