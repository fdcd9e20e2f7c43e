// The order service: HTTP on PORT, cache at REDIS_URL (its hawser), database at DATABASE_URL.

import http from 'node:http';
import { Redis } from 'ioredis';
import { openCache } from './cache.mjs';
import { database } from './database.mjs';

const cache = openCache(() => {
  // Hawser answers within its own deadlines and keeps the connection: one more attempt will do.
  const redis = new Redis(process.env.REDIS_URL, {
    maxRetriesPerRequest: 1,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false, // Copies does it, to know when.
  });
  redis.on('error', (error) => console.error('cache:', error.message));
  return redis;
});

// Each handler gets what its path captures, and { query, body }; it gives { value, from }.
const routes = [
  ['GET', /^\/reference\/(\w+)$/, (name) =>
    cache.reference.read(name, () => database.read(`/reference/${name}`))],
  ['PUT', /^\/reference\/(\w+)$/, async (name, { body }) => {
    const value = await database.update(`/reference/${name}`, body);
    await cache.reference.changed(name);
    return { value };
  }],

  ['GET', /^\/users\/(\d+)$/, (id) =>
    cache.contexts.read(id, () => database.read(`/users/${id}`))],
  ['PUT', /^\/users\/(\d+)$/, async (id, { body }) => {
    const value = await database.update(`/users/${id}`, body);
    await cache.contexts.changed(id);
    return { value };
  }],

  ['GET', /^\/companies\/(\d+)\/orders$/, (company, { query }) => {
    const filter = query.get('status') ?? 'all';
    return cache.orderLists.read(company, filter, () =>
      database.read(`/companies/${company}/orders?status=${filter}`));
  }],
  ['POST', /^\/companies\/(\d+)\/orders$/, async (company, { body }) => {
    const value = await database.create(`/companies/${company}/orders`, body);
    await cache.orderLists.changed(company);
    return { value };
  }],

  ['GET', /^\/orders\/(\d+)$/, (id) =>
    cache.details.read(id, () => database.read(`/orders/${id}`))],
  ['PUT', /^\/orders\/(\d+)$/, async (id, { body }) => {
    const value = await database.update(`/orders/${id}`, body);
    await Promise.all([cache.details.changed(id), cache.orderLists.changed(value.company)]);
    return { value };
  }],

  ['GET', /^\/companies\/(\d+)\/analytics$/, (company) =>
    cache.analytics.read(company, () => database.read(`/companies/${company}/analytics`))],
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
    if (match) {
      return handler(match[1], { query: url.searchParams, body: await bodyOf(request) });
    }
  }
  return undefined;
}

const server = http.createServer(async (request, response) => {
  let status = 200;
  let found;
  try {
    found = await answer(request);
    if (found === undefined) status = 404;
  } catch (error) {
    status = 503;
    found = { value: { error: error.message } };
  }
  const { value = null, from = 'none' } = found ?? {};
  response.writeHead(status, { 'content-type': 'application/json', 'x-cache': from });
  response.end(JSON.stringify(value));
});

server.listen(Number(process.env.PORT), '127.0.0.1');
