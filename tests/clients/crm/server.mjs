// The CRM: HTTP on PORT, queues at REDIS_URL. Web and workers are one process.

import { once } from 'node:events';
import express from 'express';
import { createBullBoard } from '@bull-board/api';
import { BullAdapter } from '@bull-board/api/bullAdapter';
import { ExpressAdapter } from '@bull-board/express';
import { openQueues } from './queues.mjs';
import { concurrency, workers } from './work.mjs';

const opened = openQueues(process.env.REDIS_URL);
const { queues, subscriber } = opened;

// What the subscriber told: for the browsers, and for those who watch the queues.
const notifications = [];
const events = [];
subscriber.on('pmessage', (pattern, channel, subject) => {
  if (pattern === 'notifications:*') notifications.push({ user: channel.split(':')[1], subject });
});
await subscriber.psubscribe('notifications:*');

const registered = [];
for (const [name, queue] of Object.entries(queues)) {
  for (const event of ['progress', 'completed', 'failed', 'paused', 'resumed', 'stalled']) {
    registered.push(new Promise((done) => queue.once(`registered:global:${event}`, done)));
    queue.on(`global:${event}`, (id, value) => events.push({ queue: name, event, id, value }));
  }
}
for (const [name, work] of Object.entries(workers(opened))) {
  queues[name].process(concurrency[name] ?? 1, work).catch((error) => {
    console.error(`${name} has no worker:`, error.message);
    process.exit(1);
  });
}

const app = express();
app.use(express.json({ limit: '1mb' }));

const board = new ExpressAdapter();
board.setBasePath('/board');
createBullBoard({
  queues: Object.values(queues).map((queue) => new BullAdapter(queue)),
  serverAdapter: board,
});
app.use('/board', board.getRouter());

app.param('queue', (request, response, next, name) => {
  request.queue = queues[name];
  next(request.queue ? undefined : 'route');
});

// A job, or a list of them: { data, opts }.
app.post('/queues/:queue/jobs', async ({ queue, body }, response) => {
  const jobs = Array.isArray(body)
    ? await queue.addBulk(body)
    : [await queue.add(body.data, body.opts)];
  response.json(jobs.map((job) => String(job.id)));
});
app.get('/queues/:queue', async ({ queue }, response) => {
  const [counts, paused] = await Promise.all([queue.getJobCounts(), queue.isPaused()]);
  response.json({ ...counts, isPaused: paused });
});
app.get('/queues/:queue/jobs/:id', async ({ queue, params }, response) => {
  const job = await queue.getJob(params.id);
  if (job === null) return response.status(404).json(null);
  return response.json({ ...job.toJSON(), state: await job.getState() });
});
app.post('/queues/:queue/pause', async ({ queue }, response) => {
  await queue.pause();
  response.json('paused');
});
app.post('/queues/:queue/resume', async ({ queue }, response) => {
  await queue.resume();
  response.json('resumed');
});
app.get('/notifications', (request, response) => response.json(notifications));
app.get('/events', (request, response) => response.json(events));

app.use((error, request, response, next) => {
  if (response.headersSent) return next(error);
  return response.status(503).json({ error: error.message });
});

// Once it listens all is connected, and hears.
await Promise.all(registered);
const connected = ({ bclient }) => bclient.status === 'ready' || once(bclient, 'ready');
await Promise.all(Object.values(queues).map(connected));
app.listen(Number(process.env.PORT), '127.0.0.1');
