// The ten queues of the CRM and their connections: one client and one subscriber for all of them,
// and for each worker one connection of its own, as it blocks there until there is a job. With
// BULL_CONNECTIONS=own they are as Bull makes them by itself: three for each queue.

import Queue from 'bull';
import { Redis } from 'ioredis';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

// From the environment, in ms: some things have to go faster in a test.
const duration = (name, usual) => Number(process.env[name] ?? usual);

const EMAIL_PAUSE = duration('EMAIL_PAUSE_MS', 5 * SECOND);
const MESSAGE_WINDOW = duration('MESSAGE_WINDOW_MS', MINUTE);
const IMPORT_TIMEOUT = duration('IMPORT_TIMEOUT_MS', 10 * MINUTE);

const settings = {
  lockDuration: duration('LOCK_MS', 30 * SECOND),
  stalledInterval: duration('STALLED_MS', 30 * SECOND),
  guardInterval: duration('GUARD_MS', 5 * SECOND),
  retryProcessDelay: duration('RETRY_PROCESS_MS', 5 * SECOND),
  // Bull's own "exponential" is 1, 3, 7 times the delay.
  backoffStrategies: { doubling: (attempts) => EMAIL_PAUSE * 2 ** (attempts - 1) },
};

const patient = { attempts: 5, backoff: { type: 'doubling' } };

const definitions = {
  messages: { limiter: { max: 20, duration: MESSAGE_WINDOW } },
  campaigns: {},
  flows: {},
  emails: { job: patient },
  webhooks: { job: { ...patient, attempts: 3 } },
  ai: { job: { attempts: 2 } },
  imports: { job: { attempts: 1, timeout: IMPORT_TIMEOUT } },
  exports: {},
  analytics: {},
  notifications: {},
};

export function openQueues(url) {
  const report = (name) => (error) => console.error(`${name}:`, error.message);
  const connect = (name, options) =>
    new Redis(url, options).setMaxListeners(0).on('error', report(name));

  // As Bull wants them: no ready check, no limit of retries on those that wait.
  const waiting = { maxRetriesPerRequest: null, enableReadyCheck: false };
  const client = connect('client');
  const subscriber = connect('subscriber', waiting);
  const createClient = (type) => {
    if (type === 'client') return client;
    return type === 'subscriber' ? subscriber : connect('worker', waiting);
  };
  const connections = process.env.BULL_CONNECTIONS === 'own' ? {} : { createClient };

  const queues = {};
  for (const [name, { limiter, job }] of Object.entries(definitions)) {
    queues[name] = new Queue(name, url, {
      ...connections,
      limiter,
      settings: { ...settings },
      defaultJobOptions: { removeOnComplete: 100, removeOnFail: 500, ...job },
    });
    queues[name].on('error', report(name));
  }
  return { queues, client, subscriber };
}
