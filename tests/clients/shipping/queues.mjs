// Labels are bought, then the parcel is picked up, then it is tracked until it has arrived: three
// BullMQ queues, each with its queue, worker and events.

import { Queue, QueueEvents, Worker } from 'bullmq';

const SECOND = 1000;
const duration = (name, usual) => Number(process.env[name] ?? usual);

const LABEL_PAUSE = duration('LABEL_PAUSE_MS', 5 * SECOND);
const TRACKING_DELAY = duration('TRACKING_DELAY_MS', 60 * SECOND);

const timing = {
  runRetryDelay: duration('RUN_RETRY_MS', 15 * SECOND),
  stalledInterval: duration('STALLED_MS', 30 * SECOND),
};

const jobOptions = {
  labels: { attempts: 3, backoff: { type: 'exponential', delay: LABEL_PAUSE } },
  pickups: { attempts: 1 },
  tracking: { delay: TRACKING_DELAY },
};

async function call(kind, subject) {
  const answer = await fetch(`${process.env.OUTSIDE_URL}/${kind}`, {
    method: 'POST',
    body: JSON.stringify({ subject }),
  });
  await answer.arrayBuffer();
  if (!answer.ok) throw new Error(`${kind} answered ${answer.status}`);
}

// `changed(id, status)` is told what becomes of a shipment.
export async function openQueues(url, changed) {
  const connection = { url, maxRetriesPerRequest: null };
  const queues = {};
  const events = [];

  const work = {
    async labels({ data }) {
      await call('labels', data.subject);
      await changed(data.shipment, 'labelled');
      await queues.pickups.add('pickup', data, { jobId: `pickup-${data.shipment}`, ...data.opts });
      return `label of ${data.subject}`;
    },
    async pickups(job) {
      await call('pickups', job.data.subject);
      await job.updateProgress(50);
      await changed(job.data.shipment, 'picked up');
      await queues.tracking.add('tracking', job.data);
      await job.updateProgress(100);
    },
    async tracking({ data }) {
      await call('tracking', data.subject);
      await changed(data.shipment, 'arrived');
    },
  };

  const opened = [];
  for (const [name, processor] of Object.entries(work)) {
    const report = (error) => console.error(`${name}:`, error.message);
    const options = {
      removeOnComplete: { count: 1000 }, removeOnFail: { count: 1000 }, ...jobOptions[name],
    };
    queues[name] = new Queue(name, { connection, defaultJobOptions: options });
    const worker = new Worker(name, processor, { connection, ...timing });
    const told = new QueueEvents(name, { connection });
    for (const event of ['progress', 'completed', 'failed']) {
      told.on(event, ({ jobId, data, returnvalue }) =>
        events.push({ queue: name, event, id: jobId, value: data ?? returnvalue ?? null }));
    }
    for (const part of [queues[name], worker, told]) {
      part.on('error', report);
      opened.push(part.waitUntilReady());
    }
  }
  await Promise.all(opened);
  return { queues, events };
}
