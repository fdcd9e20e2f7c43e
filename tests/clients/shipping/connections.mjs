// The connections of the shipping service, one for each purpose, from three client libraries. Those
// of its queues are in queues.mjs.

import { Redis } from 'ioredis';
import { Redis as Redis6 } from 'ioredis6';
import { createClient } from 'redis6';

const report = (name) => (error) => console.error(`${name}:`, error.message);

export async function connect(url) {
  const open = (Library, name) =>
    new Library(url, { maxRetriesPerRequest: 2 }).on('error', report(name));
  // Sessions have a database of their own.
  const sessions = createClient({ url: `${url}/1` }).on('error', report('sessions'));
  await sessions.connect();
  return {
    main: open(Redis, 'main'),
    subscriber: open(Redis, 'subscriber'),
    publisher: open(Redis, 'publisher'),
    logins: open(Redis, 'logins'), // For the rate limiter of that name, as the next.
    rates: open(Redis, 'rates'),
    cache: open(Redis6, 'cache'), // RESP3
    sessions, // RESP3
  };
}
