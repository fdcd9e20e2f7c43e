// connect-redis: sessions of an Express application.

import express from 'express';
import session from 'express-session';
import { RedisStore } from 'connect-redis';
import { createClient } from 'redis6';
import { address, ask, assert, check, closing, eventually, finish, README, refusal, written } from './check.mjs';

const open = () => {
  const client = closing(createClient({ socket: { ...address, reconnectStrategy: 50 } }), (it) => it.destroy());
  client.on('error', () => {});
  return client.connect();
};

// An application on a port of its own; gives a function that visits it with the cookies of one browser.
async function serve(client) {
  const app = express();
  app.use(session({ store: new RedisStore({ client, prefix: 'shop:', ttl: 60 }), secret: 'rope', resave: false,
                    saveUninitialized: false }));
  app.get('/visit', (request, answer) => {
    request.session.visits = (request.session.visits ?? 0) + 1;
    answer.json(request.session.visits);
  });
  app.get('/leave', (request, answer, next) =>
    request.session.destroy((error) => (error ? next(error) : answer.json('left'))));
  app.use((error, request, answer, next) => answer.status(503).json(error.message));
  const server = await new Promise((resolve) => {
    const listening = app.listen(0, '127.0.0.1', () => resolve(listening));
  });
  closing(server, (it) => {
    it.closeAllConnections();
    it.close();
  });
  return () => {
    let cookie = '';
    return async (path) => {
      const answer = await fetch(`http://127.0.0.1:${server.address().port}${path}`, { headers: { cookie } });
      cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? cookie;
      return [answer.status, await answer.json()];
    };
  };
}

await check('readme', async () => {
  for (const snippet of [README.tcp, README.unix]) {
    const store = written(snippet, { RedisStore, createClient });
    closing(await store.client.connect(), (it) => it.destroy());
    await store.set('sid', { cookie: {}, snippet });
    assert.equal((await store.get('sid')).snippet, snippet);
  }
});

await check('use', async () => {
  const client = await open();
  const browser = await serve(client);
  const [anna, ben] = [browser(), browser()];
  for (let visit = 1; visit <= 3; visit++) assert.deepEqual(await anna('/visit'), [200, visit]);
  assert.deepEqual(await ben('/visit'), [200, 1]);
  const [key] = await client.keys('shop:*');
  assert.ok((await client.ttl(key)) > 50);
  const store = new RedisStore({ client, prefix: 'shop:' });
  assert.equal(await store.length(), 2);
  assert.equal((await store.all()).length, 2);
  assert.deepEqual(await anna('/leave'), [200, 'left']);
  assert.deepEqual(await anna('/visit'), [200, 1]);
  await store.clear();
  assert.equal(await store.length(), 0);
});

await check('lanes', async () => {
  const applications = await Promise.all([open(), open(), open()]);
  for (const client of applications) await (await serve(client))()('/visit');
  await ask('lanes main/db0/resp2=1 main/db0/resp3=1');
});

await check('redis restarts', async () => {
  const visit = (await serve(await open()))();
  assert.deepEqual(await visit('/visit'), [200, 1]);
  await ask('kill');
  const refused = await refusal(async () => {
    const [status, text] = await visit('/visit');
    if (status === 503) throw text;
  });
  assert.match(refused, /^PROXY(OPEN|DOWN|LOST) /);
  await ask('start');
  await eventually(async () => (await visit('/visit'))[0] === 200, 'the application serves again');
  // The session was kept; visits that had waited for Redis may come between.
  const [, before] = await visit('/visit');
  assert.ok(before > 1);
  assert.ok((await visit('/visit'))[1] > before);
});

finish();
