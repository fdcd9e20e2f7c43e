// The shipping service: HTTP on PORT, everything it remembers at REDIS_URL.

import express from 'express';
import session from 'express-session';
import { RedisStore } from 'connect-redis';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import { connect } from './connections.mjs';
import { openQueues } from './queues.mjs';

const url = process.env.REDIS_URL;
const { main, subscriber, publisher, logins, rates, cache, sessions } = await connect(url);

// What every process of the service is told of shipments.
const news = [];
subscriber.on('pmessage', (pattern, channel, text) => {
  news.push({ channel, ...JSON.parse(text) });
});
await subscriber.psubscribe('shipments:*');

async function changed(id, status) {
  await main.hset(`shipment:${id}`, 'status', status);
  await cache.del(`seen:${id}`);
  await publisher.publish(`shipments:${id}`, JSON.stringify({ id, status }));
}
const { queues, events } = await openQueues(url, changed);

const aMinute = (storeClient, keyPrefix, points) =>
  new RateLimiterRedis({ storeClient, keyPrefix, points, duration: 60 });
const limiters = { logins: aMinute(logins, 'logins', 5), rates: aMinute(rates, 'rates', 20) };

// Refuses whoever comes too often; `who` names him.
const limited = (limiter, who) => async (request, response, next) => {
  try {
    const { remainingPoints } = await limiter.consume(who(request));
    response.set('x-remaining', String(remainingPoints));
  } catch (refused) {
    if (refused instanceof Error) throw refused;
    response.set('retry-after', String(Math.ceil(refused.msBeforeNext / 1000)));
    return response.status(429).json({ error: 'too often' });
  }
  return next();
};

const app = express();
app.use(express.json());
app.use(session({
  store: new RedisStore({ client: sessions }),
  secret: 'of the test', resave: false, saveUninitialized: false,
}));

app.post('/login', limited(limiters.logins, ({ body }) => body.user), (request, response) => {
  request.session.user = request.body.user;
  response.json(request.session.user);
});
app.post('/logout', (request, response, next) => {
  request.session.destroy((error) => (error ? next(error) : response.json('bye')));
});

app.get('/rates', limited(limiters.rates, ({ headers }) => headers['x-api-key']),
  (request, response) => response.json({ parcel: 5 }));

const known = (request, response, next) =>
  request.session.user ? next() : response.status(401).json(null);

app.get('/me', known, (request, response) => response.json(request.session.user));

app.post('/shipments', known, async ({ session: { user }, body }, response) => {
  const id = await main.incr('shipments');
  await main.multi()
    .hset(`shipment:${id}`, { user, subject: body.subject, status: 'new' })
    .rpush(`shipments:of:${user}`, id)
    .exec();
  const job = { shipment: id, subject: body.subject, opts: body.opts };
  await queues.labels.add('label', job);
  await publisher.publish(`shipments:${id}`, JSON.stringify({ id, status: 'new' }));
  response.json(id);
});
app.get('/shipments', known, async ({ session: { user } }, response) => {
  response.json((await main.lrange(`shipments:of:${user}`, 0, -1)).map(Number));
});
app.get('/shipments/:id', async ({ params: { id } }, response) => {
  const seen = await cache.get(`seen:${id}`);
  if (seen !== null) return response.set('x-cache', 'hit').json(JSON.parse(seen));
  const shipment = await main.hgetall(`shipment:${id}`);
  await cache.set(`seen:${id}`, JSON.stringify(shipment), 'EX', 60);
  return response.set('x-cache', 'stored').json(shipment);
});

app.post('/queues/:name/:action', async ({ params: { name, action } }, response) => {
  await (action === 'pause' ? queues[name].pause() : queues[name].resume());
  response.json(action);
});
app.get('/queues/:name', async ({ params: { name } }, response) => {
  response.json(await queues[name].getJobCounts());
});
app.get('/news', (request, response) => response.json(news));
app.get('/events', (request, response) => response.json(events));

app.use((error, request, response, next) => {
  if (response.headersSent) return next(error);
  return response.status(503).json({ error: error.message });
});

app.listen(Number(process.env.PORT), '127.0.0.1');
