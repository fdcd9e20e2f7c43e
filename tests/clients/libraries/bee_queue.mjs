// Bee-Queue, which brings node-redis 3 with it.

import Queue from 'bee-queue';
import { address, ask, assert, check, closing, event, eventually, finish, hawserRestart, README,
         REDIS_USER, REDIS_USER_PASSWORD, refusal, sleep, written } from './check.mjs';

const redis = { ...address, user: REDIS_USER, password: REDIS_USER_PASSWORD,
                retry_strategy: () => 50 };
function open(name, more = {}) {
  const queue = closing(new Queue(name, { redis, stallInterval: 500, autoConnect: true, ...more }),
                        (it) => it.close(1000).catch(() => {}));
  queue.on('error', () => {});
  return queue;
}

await check('readme', async () => {
  for (const snippet of [README.tcp, README.unix]) {
    const queue = closing(written(snippet, { Queue }), (it) => it.close());
    const job = await queue.createJob({ to: 'anna' }).save();
    assert.deepEqual((await queue.getJob(job.id)).data, { to: 'anna' });
    await queue.destroy();
  }
});

await check('jobs', async () => {
  const [producer, queue] = [open('mail', { isWorker: false }), open('mail', { activateDelayedJobs: true })];
  queue.process(4, async (job) => {
    job.reportProgress(50);
    return job.data.number * 2;
  });
  const jobs = Array.from({ length: 50 }, (_, number) => producer.createJob({ number }));
  const results = jobs.map((job) => event(job, 'succeeded'));
  assert.equal((await producer.saveAll(jobs)).size, 0);
  assert.deepEqual(await Promise.all(results), Array.from({ length: 50 }, (_, i) => 2 * i));
  const late = producer.createJob({ number: 21 }).delayUntil(Date.now() + 100);
  const result = event(late, 'succeeded');
  await late.save();
  assert.equal(await result, 42);
});

await check('lanes', async () => {
  const queues = Array.from({ length: 3 }, (_, i) => open(`lane${i}`));
  for (const queue of queues) queue.process(async () => 'done');
  const job = queues[0].createJob({});
  const result = event(job, 'succeeded');
  await job.save();
  assert.equal(await result, 'done');
  // Each worker without a job is in BRPOPLPUSH. There are lanes for the user these log in as, and for
  // that of the check above.
  await ask('lanes main/db0/resp2=2 pinned=3 subscriber=2');
});

await check('failing jobs', async () => {
  const queue = open('failing');
  let left = 2;
  queue.process(async () => {
    if (left-- > 0) throw new Error('not yet');
    return 'at last';
  });
  const job = queue.createJob({}).retries(2);
  const result = event(job, 'succeeded');
  await job.save();
  assert.equal(await result, 'at last');
  left = 100;
  const lost = queue.createJob({});
  const failure = event(lost, 'failed');
  await lost.save();
  assert.match((await failure).message, /not yet/);
  assert.equal((await queue.checkHealth()).failed, 1);
});

await check('wrong password', async () => {
  // Without no_ready_check an INFO follows. node-redis 3 throws if its reply does not come in one piece
  // with the refusal, which hawser answers sooner.
  const queue = new Queue('refused', { redis: { ...redis, password: 'wrong', no_ready_check: true },
                                       isWorker: false, getEvents: false });
  const error = await event(queue, 'error');
  assert.deepEqual([error.name, error.code], ['ReplyError', 'WRONGPASS']);
  await queue.close(100).catch(() => {});
});

// A worker that waits for jobs lives through `fault`. (One that is at work then loses a place for good:
// Bee-Queue does not ask again for a result that could not be stored.) Its scripts are loaded when a queue
// is opened and another user may have loaded them: after a restart of Redis those who add jobs open theirs anew.
async function works(name, fault) {
  const queue = open(name, { initialRedisFailureRetryDelay: 20 });
  const results = new Map();
  queue.process(4, async (job) => void results.set(job.data.word, (results.get(job.data.word) ?? 0) + 1));
  const add = async (words) => {
    const producer = open(name, { isWorker: false });
    // The id makes a second attempt harmless: an outcome may be unknown.
    const save = (word) => producer.createJob({ word }).setId(word).save();
    for (const word of words) while (!(await save(word).catch(() => null))) await sleep(20);
    await eventually(() => words.every((word) => results.get(word) === 1), 'every job is done once');
    await eventually(async () => (await producer.checkHealth()).active === 0, 'and seen to be done');
  };
  await add(Array.from({ length: 10 }, (_, i) => `before${i}`));
  await fault(() => queue.checkHealth());
  await eventually(() => queue.checkHealth().catch(() => null), 'Redis is back');
  await add(Array.from({ length: 20 }, (_, i) => `after${i}`));
}

await check('redis restarts', () =>
  works('restart', async (attempt) => {
    await ask('kill');
    assert.match((await refusal(attempt)).message, /PROXY(OPEN|DOWN|LOST)/);
    await ask('start');
  }));

await check('hawser restarts', () => works('again', hawserRestart));

finish();
