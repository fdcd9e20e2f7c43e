// rate-limiter-flexible, which counts by a script of ioredis or by one of node-redis.

import { Redis } from 'ioredis';
import { createClient } from 'redis5';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { address, ask, assert, check, closing, eventually, finish, README, refusal, written } from './check.mjs';

function open() {
  const client = closing(new Redis({ ...address, retryStrategy: () => 50 }), (it) => it.disconnect());
  client.on('error', () => {});
  return client;
}

await check('readme', async () => {
  for (const snippet of [README.tcp, README.unix]) {
    const limiter = written(snippet, { RateLimiterRedis, Redis });
    closing(limiter.client, (it) => it.disconnect());
    assert.equal((await limiter.consume(snippet)).remainingPoints, 9);
  }
});

await check('use', async () => {
  const nodeRedis = closing(await createClient({ socket: address }).connect(), (it) => it.destroy());
  for (const more of [{ storeClient: open() }, { storeClient: nodeRedis, useRedisPackage: true },
                      { storeClient: open(), rejectIfRedisNotReady: true, inMemoryBlockOnConsumed: 10 }]) {
    const limiter = new RateLimiterRedis({ keyPrefix: 'login', points: 10, duration: 30, blockDuration: 60, ...more });
    await limiter.delete('anna');
    const attempts = await Promise.allSettled(Array.from({ length: 15 }, () => limiter.consume('anna')));
    const allowed = attempts.filter(({ status }) => status === 'fulfilled').map(({ value }) => value.remainingPoints);
    assert.deepEqual(allowed.sort((a, b) => b - a), [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    for (const { reason } of attempts.filter(({ status }) => status === 'rejected')) {
      assert.ok(reason instanceof RateLimiterRes, reason);
      assert.ok(reason.msBeforeNext > 1000);
    }
    assert.ok((await limiter.get('anna')).consumedPoints > 10);
    await limiter.penalty('ben', 3);
    assert.equal((await limiter.reward('ben', 1)).consumedPoints, 2);
    await limiter.delete('ben');
    assert.equal(await limiter.get('ben'), null);
  }
});

await check('lanes', async () => {
  const limiters = Array.from({ length: 5 }, () => new RateLimiterRedis({ storeClient: open(), points: 5, duration: 30 }));
  const results = await Promise.all(limiters.map((limiter) => limiter.consume('shared')));
  assert.deepEqual(results.map(({ remainingPoints }) => remainingPoints).sort(), [0, 1, 2, 3, 4]);
  await ask('lanes main/db0/resp2=1');
});

await check('redis restarts', async () => {
  const insurance = new RateLimiterMemory({ points: 1000, duration: 30 });
  const plain = new RateLimiterRedis({ storeClient: open(), keyPrefix: 'plain', points: 1000, duration: 60 });
  const insured = new RateLimiterRedis({ storeClient: open(), keyPrefix: 'insured', points: 500, duration: 60, insuranceLimiter: insurance });
  assert.equal((await insured.consume('anna')).remainingPoints, 499);
  assert.equal((await plain.consume('anna')).remainingPoints, 999);
  await ask('kill');
  assert.match(String(await refusal(() => plain.consume('anna'))), /^ReplyError: PROXY(OPEN|DOWN|LOST)/);
  assert.equal((await insured.consume('anna')).remainingPoints, 999);
  await ask('start');
  await eventually(() => plain.consume('anna').catch(() => null), 'it counts again');
  await eventually(async () => (await insured.consume('anna')).remainingPoints < 499, 'Redis counts again');
});

finish();
