// Keyv with @keyv/redis, which is node-redis 5: node keyv.mjs; and cache-manager over it: node keyv.mjs
// cache-manager

import { createCache } from 'cache-manager';
import Keyv from 'keyv';
import KeyvRedis, { createKeyv } from '@keyv/redis';
import { address, ask, assert, check, closing, eventually, finish, README, refusal,
         REDIS_URL, REDIS_USER, REDIS_USER_PASSWORD, written } from './check.mjs';

const isManager = process.argv[2] === 'cache-manager';
const url = new URL(REDIS_URL);
[url.username, url.password] = [REDIS_USER, REDIS_USER_PASSWORD];

const end = (it) => it.disconnect();
function open(options = {}) {
  const store = new KeyvRedis({ url: url.href, socket: { reconnectStrategy: 50 } }, { throwOnErrors: true });
  const keyv = closing(new Keyv({ store, throwOnErrors: true, ...options }), end);
  keyv.on('error', () => {});
  return keyv;
}

await check('readme', async () => {
  for (const snippet of [README.tcp, README.unix]) {
    const cache = closing(written(snippet, { createCache, createKeyv, Keyv, KeyvRedis }), end);
    await cache.set('readme', { snippet });
    assert.deepEqual(await cache.get('readme'), { snippet });
  }
});

if (isManager) {
  await check('use', async () => {
    const [memory, redis] = [new Keyv(), open({ namespace: 'manager' })];
    const cache = createCache({ stores: [memory, redis], ttl: 60_000, refreshThreshold: 10_000 });
    let computed = 0;
    const load = () => cache.wrap('orders', async () => ({ count: ++computed }));
    assert.deepEqual(await Promise.all([load(), load()]), [{ count: 1 }, { count: 1 }]);
    await memory.clear();
    assert.deepEqual(await load(), { count: 1 }); // From Redis.
    await cache.mset(Array.from({ length: 20 }, (_, i) => ({ key: `k${i}`, value: i })));
    await memory.clear();
    assert.deepEqual(await cache.mget(['k0', 'k19', 'k20']), [0, 19, undefined]);
    await cache.del('orders');
    assert.deepEqual(await load(), { count: 2 });
    await cache.set('short', 1, 30);
    await eventually(async () => (await cache.get('short')) === undefined, 'it expires');
    await cache.clear();
    assert.equal(await redis.get('k0'), undefined);
  });
} else {
  await check('use', async () => {
    const [users, orders] = [open({ namespace: 'users' }), open({ namespace: 'orders' })];
    await users.set('anna', { age: 30, photo: 'x'.repeat(100_000) });
    assert.equal((await users.get('anna')).age, 30);
    assert.equal(await orders.get('anna'), undefined);
    await orders.set('short', 1, 30);
    await eventually(async () => !(await orders.has('short')), 'it expires');
    await users.setMany(Array.from({ length: 200 }, (_, i) => ({ key: `u${i}`, value: i })));
    assert.deepEqual(await users.get(['u0', 'u199', 'u200']), [0, 199, undefined]);
    await orders.set('kept', 'yes');
    const seen = new Set();
    for await (const [key] of users.iterator()) seen.add(key);
    assert.equal(seen.size, 201);
    await users.clear();
    assert.equal(await users.get('u0'), undefined);
    assert.equal(await orders.get('kept'), 'yes');
  });
}

await check('lanes', async () => {
  const caches = Array.from({ length: 4 }, () => open());
  for (const cache of caches) await cache.set('any', 1);
  // One main lane for the user these log in as, one for that of the README's.
  await ask('lanes main/db0/resp2=2');
});

await check('redis restarts', async () => {
  const store = open();
  const cache = isManager ? createCache({ stores: [store] }) : store;
  await cache.set('kept', 'yes');
  await ask('kill');
  const error = await refusal(() => store.set('other', 'no'));
  assert.match(String(error.message), /PROXY(OPEN|DOWN|LOST)|Failed to/);
  await ask('start');
  await eventually(async () => (await cache.get('kept').catch(() => null)) === 'yes', 'it is there again');
});

finish();
