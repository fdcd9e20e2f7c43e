// Bee-Queue, which brings node-redis 3 with it.

import Queue from 'bee-queue';
import { address, ask, assert, check, closing, event, eventually, finish, hawserRestart, README,
         REDIS_USER, REDIS_USER_PASSWORD, sleep, written } from './check.mjs';

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
  // Each worker without a job is in BRPOPLPUSH. One more main lane for the user it logs in as.
  await ask('lanes main/db0/resp2=2 pinned=3 subscriber=1');
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
  const queue = new Queue('refused', { redis: { ...redis, password: 'wrong' }, isWorker: false, getEvents: false });
  const error = await Promise.race([event(queue, 'error'), queue.ready().then(() => null, (it) => it)]);
  assert.equal(error.code, 'WRONGPASS');
  await queue.close(100).catch(() => {});
});

// Jobs are added and worked on while `fault` happens, and afterwards.
async function works(name, fault) {
  const queue = open(name);
  const results = new Map();
  queue.process(4, async (job) => {
    await sleep(5);
    results.set(job.data.word, (results.get(job.data.word) ?? 0) + 1);
    return job.data.word;
  });
  const words = [];
  let isOver = false;
  const adding = (async () => {
    for (let added = 0; !isOver; added++) {
      const word = `word${added}`;
      // The id makes a second attempt harmless: an outcome may be unknown.
      const save = () => queue.createJob({ word }).setId(word).save();
      while (!(await save().catch(() => null))) await sleep(20);
      words.push(word);
      await sleep(5);
    }
  })();
  try {
    await eventually(() => results.size >= 10, 'jobs are done');
    const before = results.size;
    await fault();
    await eventually(() => results.size >= before + 20, 'jobs are done again', 25_000);
  } finally {
    isOver = true;
    await adding;
  }
  await eventually(async () => {
    await queue.checkStalledJobs();
    return words.every((word) => results.has(word));
  }, 'every job is done', 25_000);
}

await check('redis restarts', () =>
  works('restart', async () => {
    await ask('kill');
    await sleep(300); // The worker finds out by itself, and waits.
    await ask('start');
  }));

await check('hawser restarts', () => works('again', hawserRestart));

finish();
