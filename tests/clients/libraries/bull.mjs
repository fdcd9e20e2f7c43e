// Bull, on ioredis: producers, workers, delayed and repeated jobs, events, and workers that live through
// restarts.

import Queue from 'bull';
import { Redis } from 'ioredis';
import { address, ask, assert, check, closing, event, eventually, finish, hawserRestart,
         jobsSurvive, README, REDIS_USER, REDIS_USER_PASSWORD, redisAway, written } from './check.mjs';

const redis = { ...address, retryStrategy: () => 50 };
const settings = { stalledInterval: 500, guardInterval: 500, retryProcessDelay: 100, drainDelay: 1, lockDuration: 5000 };
function open(name, more = {}) {
  const queue = closing(new Queue(name, { redis, settings, ...more }), (it) => it.close());
  queue.on('error', () => {});
  return queue;
}

await check('readme', async () => {
  for (const snippet of [README.tcp, README.unix]) {
    const queue = closing(written(snippet, { Queue }), (it) => it.close());
    const job = await queue.add({ to: 'anna' });
    assert.deepEqual((await queue.getJob(job.id)).data, { to: 'anna' });
    await queue.obliterate({ force: true });
  }
});

await check('jobs', async () => {
  const [producer, queue] = [open('mail'), open('mail')];
  const done = new Map();
  queue.process(4, async (job) => {
    await job.progress(50);
    return job.data.number * 2;
  });
  producer.on('global:completed', (id, result) => done.set(id, result));
  await producer.isReady();
  await producer.addBulk(Array.from({ length: 50 }, (_, number) => ({ data: { number } })));
  await eventually(() => done.size === 50, 'all are completed');
  assert.deepEqual([...done.values()].map(Number).sort((a, b) => a - b), Array.from({ length: 50 }, (_, i) => 2 * i));
  const job = await producer.add({ number: 21 }, { delay: 100 });
  assert.equal(await job.finished(), 42);
  assert.equal(job.opts.delay, 100);
});

await check('lanes', async () => {
  const queues = Array.from({ length: 3 }, (_, i) => open(`lane${i}`));
  for (const queue of queues) queue.process(async () => 'done');
  const job = await queues[0].add({});
  assert.equal(await job.finished(), 'done');
  // Each worker without a job is in BRPOPLPUSH.
  await ask('lanes main/db0/resp2=1 pinned=3 subscriber=1'); // Its scripts publish.
});

await check('failing jobs', async () => {
  const queue = open('failing');
  let attempts = 0;
  queue.process(async () => {
    if (++attempts < 3) throw new Error('not yet');
    return 'at last';
  });
  const job = await queue.add({}, { attempts: 3, backoff: 20 });
  assert.equal(await job.finished(), 'at last');
  const bad = await queue.add({}, { attempts: 0, jobId: 'bad' });
  assert.equal(await bad.finished(), 'at last');
  queue.on('failed', () => {});
  attempts = -100;
  const lost = await queue.add({});
  await assert.rejects(lost.finished(), /not yet/);
  assert.equal((await queue.getFailed()).length, 1);
});

await check('priorities, pause, repeat', async () => {
  const queue = open('order');
  const order = [];
  await queue.pause();
  await queue.add({ name: 'low' }, { priority: 10 });
  await queue.add({ name: 'high' }, { priority: 1 });
  queue.process(async (job) => void order.push(job.data.name));
  assert.equal((await queue.getJobCounts()).paused, 2);
  await queue.resume();
  await eventually(() => order.length === 2, 'both are done');
  assert.deepEqual(order, ['high', 'low']);
  await queue.add({ name: 'again' }, { repeat: { every: 100, limit: 3 } });
  await eventually(() => order.length >= 4, 'the repeated job runs');
  await queue.removeRepeatable({ every: 100, limit: 3 });
  assert.deepEqual(await queue.getRepeatableJobs(), []);
});

await check('shared connections', async () => {
  const make = () => closing(
    new Redis({ ...redis, maxRetriesPerRequest: null, enableReadyCheck: false, username: REDIS_USER,
                password: REDIS_USER_PASSWORD }), (it) => it.disconnect());
  const [client, subscriber, ...blocking] = [make(), make(), make(), make()];
  const createClient = (type) => (type === 'bclient' ? blocking.pop() : { client, subscriber }[type]);
  const queues = ['one', 'two'].map((name) => open(name, { createClient }));
  for (const queue of queues) queue.process(async (job) => job.data.text.toUpperCase());
  const jobs = await Promise.all(queues.map((queue) => queue.add({ text: 'ahoy' })));
  assert.deepEqual(await Promise.all(jobs.map((job) => job.finished())), ['AHOY', 'AHOY']);
});

await check('wrong password', async () => {
  const queue = new Queue('refused', { redis: {
    ...address, username: REDIS_USER, password: 'wrong', retryStrategy: () => null } });
  const error = await event(queue, 'error');
  assert.match(error.message, /^WRONGPASS/);
  await queue.close().catch(() => {});
});

function works(name, fault) {
  const [producer, queue] = [open(name), open(name)];
  return jobsSurvive({
    worker: (work) => { queue.process(4, work); },
    add: (id, data) => producer.add(data, { jobId: id }),
    completed: () => queue.getCompleted(),
    fault,
  });
}
await check('redis restarts', () => works('restart', redisAway));
await check('hawser restarts', () => works('again', hawserRestart));

finish();
