// The order service: HTTP on PORT, cache at REDIS_URL (its hawser), database at DATABASE_URL.

import http from 'node:http';
import { Redis } from 'ioredis';
import { UserContexts, analytics, details, orderLists, reference } from './cache.mjs';
import { database } from './database.mjs';

function connection() {
  // Hawser answers within its own deadlines and keeps the connection: few attempts will do.
  const redis = new Redis(process.env.REDIS_URL, {
    maxRetriesPerRequest: 1,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
  });
  redis.on('error', (error) => console.error('cache:', error.message));
  return redis;
}

const redis = connection();
const contexts = new UserContexts(redis, connection());

// Each handler gets the parts of its path, the query and the body, and returns { value, from }.
const routes = [
  ['GET', /^\/reference\/(\w+)$/, ([name]) =>
    reference.read(redis, name, () => database.read(`/reference/${name}`))],
  ['PUT', /^\/reference\/(\w+)$/, async ([name], query, body) => {
    const value = await database.update(`/reference/${name}`, body);
    await reference.changed(redis, name);
    return { value };
  }],

  ['GET', /^\/users\/(\d+)$/, ([id]) => contexts.read(id, () => database.read(`/users/${id}`))],
  ['PUT', /^\/users\/(\d+)$/, async ([id], query, body) => {
    const value = await database.update(`/users/${id}`, body);
    await contexts.changed(id);
    return { value };
  }],

  ['GET', /^\/companies\/(\d+)\/orders$/, ([company], query) => {
    const filter = query.get('status') ?? 'all';
    return orderLists.read(redis, company, filter, () =>
      database.read(`/companies/${company}/orders?status=${filter}`));
  }],
  ['POST', /^\/companies\/(\d+)\/orders$/, async ([company], query, body) => {
    const value = await database.create(`/companies/${company}/orders`, body);
    await orderLists.changed(redis, company);
    return { value };
  }],

  ['GET', /^\/orders\/(\d+)$/, ([id]) =>
    details.read(redis, id, () => database.read(`/orders/${id}`))],
  ['PUT', /^\/orders\/(\d+)$/, async ([id], query, body) => {
    const value = await database.update(`/orders/${id}`, body);
    await Promise.all([details.changed(redis, id), orderLists.changed(redis, value.company)]);
    return { value };
  }],

  ['GET', /^\/companies\/(\d+)\/analytics$/, ([company]) =>
    analytics.read(redis, company, () => database.read(`/companies/${company}/analytics`))],
];

async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return chunks.length > 0 ? JSON.parse(Buffer.concat(chunks)) : undefined;
}

async function answer(request) {
  const url = new URL(request.url, 'http://localhost');
  for (const [method, pattern, handler] of routes) {
    const match = request.method === method && pattern.exec(url.pathname);
    if (match) return handler(match.slice(1), url.searchParams, await bodyOf(request));
  }
  return undefined;
}

const server = http.createServer(async (request, response) => {
  try {
    const found = await answer(request);
    response.writeHead(found ? 200 : 404, {
      'content-type': 'application/json',
      'x-cache': found?.from ?? 'none',
    });
    response.end(JSON.stringify(found?.value ?? null));
  } catch (error) {
    response.writeHead(503, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ error: error.message }));
  }
});

server.listen(Number(process.env.PORT), '127.0.0.1');
