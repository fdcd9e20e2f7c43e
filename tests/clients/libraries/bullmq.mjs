// BullMQ: queues, workers, events, flows, and workers that live through restarts.

import { FlowProducer, Queue, QueueEvents, Worker } from 'bullmq';
import { address, ask, assert, check, closing, event, eventually, finish, hawserRestart,
         jobsSurvive, README, REDIS_USER, REDIS_USER_PASSWORD, redisAway, written } from './check.mjs';

const connection = { ...address, retryStrategy: () => 50 };
const blocking = { ...connection, maxRetriesPerRequest: null };
function keep(it) {
  it.on('error', () => {});
  return closing(it, (one) => one.close());
}
const queueOf = (name, more) => keep(new Queue(name, { connection, ...more }));
const workerOf = (name, work, more) => keep(new Worker(name, work, {
  connection: blocking, drainDelay: 1, stalledInterval: 500, lockDuration: 5000, ...more }));
async function eventsOf(name) {
  const events = keep(new QueueEvents(name, { connection: blocking }));
  await events.waitUntilReady();
  return events;
}

await check('readme', async () => {
  for (const snippet of [README.tcp, README.unix]) {
    const queue = keep(written(snippet, { Queue }));
    const job = await queue.add('welcome', { to: 'anna' });
    assert.deepEqual((await queue.getJob(job.id)).data, { to: 'anna' });
    await queue.obliterate({ force: true });
  }
});

await check('jobs', async () => {
  const [queue, events] = [queueOf('mail'), await eventsOf('mail')];
  const done = new Map();
  const progress = [];
  events.on('completed', ({ jobId, returnvalue }) => done.set(jobId, returnvalue));
  events.on('progress', ({ data }) => progress.push(data));
  workerOf('mail', async (job) => {
    await job.updateProgress(50);
    return job.data.number * 2;
  }, { concurrency: 4 });
  const jobs = await queue.addBulk(Array.from({ length: 50 }, (_, number) => ({ name: 'double', data: { number } })));
  await eventually(() => done.size === 50, 'all are completed');
  jobs.forEach((job, i) => assert.equal(Number(done.get(job.id)), 2 * i));
  assert.equal(progress.length, 50);
  const late = await queue.add('double', { number: 21 }, { delay: 100 });
  assert.equal(await late.waitUntilFinished(events, 10_000), 42);
});

await check('lanes', async () => {
  const queues = Array.from({ length: 3 }, (_, i) => queueOf(`lane${i}`));
  queues.forEach((queue) => workerOf(queue.name, async () => 'done'));
  const events = await eventsOf('lane0');
  const job = await queues[0].add('any', {});
  assert.equal(await job.waitUntilFinished(events, 10_000), 'done');
  // Each worker without a job is in BZPOPMIN, and the events' reader in XREAD.
  await ask('lanes main/db0/resp2=1 pinned=4');
});

await check('failing jobs', async () => {
  const [queue, events] = [queueOf('failing'), await eventsOf('failing')];
  let left = 2;
  workerOf('failing', async () => {
    if (left-- > 0) throw new Error('not yet');
    return 'at last';
  });
  const job = await queue.add('any', {}, { attempts: 3, backoff: 20 });
  assert.equal(await job.waitUntilFinished(events, 10_000), 'at last');
  left = 100;
  const lost = await queue.add('any', {});
  await assert.rejects(lost.waitUntilFinished(events, 10_000), /not yet/);
  assert.equal((await queue.getFailed()).length, 1);
});

await check('priorities, pause, repeat', async () => {
  const queue = queueOf('order');
  const order = [];
  await queue.pause();
  await queue.add('low', {}, { priority: 10 });
  await queue.add('high', {}, { priority: 1 });
  workerOf('order', async (job) => void order.push(job.name));
  assert.equal(await queue.isPaused(), true);
  await queue.resume();
  await eventually(() => order.length === 2, 'both are done');
  assert.deepEqual(order, ['high', 'low']);
  await queue.upsertJobScheduler('again', { every: 100, limit: 3 }, { name: 'again' });
  await eventually(() => order.filter((name) => name === 'again').length >= 2, 'it is repeated');
  await queue.removeJobScheduler('again');
  assert.deepEqual(await queue.getJobSchedulers(), []);
});

await check('flows', async () => {
  const flow = keep(new FlowProducer({ connection: { ...connection, username: REDIS_USER, password: REDIS_USER_PASSWORD } }));
  const events = await eventsOf('parents');
  workerOf('children', async (job) => job.data.number);
  workerOf('parents', async (job) =>
    Object.values(await job.getChildrenValues()).reduce((sum, number) => sum + number, 0));
  const { job } = await flow.add({
    name: 'sum', queueName: 'parents',
    children: [1, 2, 3].map((number) => ({ name: 'child', queueName: 'children', data: { number } })) });
  assert.equal(await job.waitUntilFinished(events, 10_000), 6);
});

await check('wrong password', async () => {
  const queue = new Queue('refused', { connection: {
    ...address, username: REDIS_USER, password: 'wrong', retryStrategy: () => null } });
  const error = await event(queue, 'error');
  assert.match(error.message, /^WRONGPASS/);
  await queue.close().catch(() => {});
});

function works(name, fault) {
  const queue = queueOf(name);
  return jobsSurvive({
    worker: (work) => { workerOf(name, work, { concurrency: 4 }); },
    add: (id, data) => queue.add('any', data, { jobId: id }),
    completed: () => queue.getCompleted(),
    fault,
  });
}
await check('redis restarts', () => works('restart', redisAway));
await check('hawser restarts', () => works('again', hawserRestart));

finish();
