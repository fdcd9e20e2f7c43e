// @socket.io/redis-adapter: two socket.io servers, one hawser.

import http from 'node:http';
import { createAdapter } from '@socket.io/redis-adapter';
import { Redis } from 'ioredis';
import { Server } from 'socket.io';
import { io } from 'socket.io-client';
import { createClient } from 'redis6';
import { address, ask, assert, check, closing, event, eventually, expecting, finish, README, refusal,
         written } from './check.mjs';

// The adapter waits for no answer where it sends a message, nor where it leaves.
expecting(({ message }) => /^PROXY(OPEN|DOWN|LOST) |^Disconnects client$|^Connection is closed\.$/.test(message));

function open() {
  const client = closing(new Redis({ ...address, retryStrategy: () => 50 }), (it) => it.disconnect());
  client.on('error', () => {});
  return client;
}

async function serve(adapter) {
  const listener = http.createServer();
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const server = closing(new Server(listener, { adapter }), (it) => it.close().catch(() => {}));
  server.on('connection', (socket) => {
    socket.on('join', (room, done) => done(socket.join(room)));
    socket.on('say', (room, text) => socket.to(room).emit('said', text));
  });
  server.port = listener.address().port;
  await eventually(async () => (await server.of('/').adapter.serverCount()) >= 1, 'its adapter listens');
  return server;
}

async function browse(server) {
  const socket = closing(io(`http://127.0.0.1:${server.port}`, { transports: ['websocket'] }), (it) => it.disconnect());
  socket.heard = [];
  socket.on('said', (text) => socket.heard.push(text));
  await event(socket, 'connect');
  return socket;
}

const heard = (socket, text) => eventually(() => socket.heard.includes(text), `"${text}" is heard`);

await check('readme', async () => {
  for (const snippet of [README.tcp, README.unix]) {
    const clients = [];
    class Kept extends Redis {
      constructor(...words) {
        super(...words);
        clients.push(closing(this, (it) => it.disconnect()));
      }
    }
    await serve(written(snippet, { createAdapter, Redis: Kept }));
    assert.equal(clients.length, 2);
  }
});

// What two servers and the browsers at them are to do, with adapters made by `adapter`.
async function talk(adapter) {
  const servers = [await serve(await adapter()), await serve(await adapter())];
  const [one, two] = servers;
  await eventually(async () => (await one.of('/').adapter.serverCount()) === 2, 'they know of each other');
  const [anna, ben, carl] = [await browse(one), await browse(two), await browse(two)];
  one.emit('said', 'to all');
  for (const socket of [anna, ben, carl]) await heard(socket, 'to all');
  await anna.emitWithAck('join', 'deck');
  await ben.emitWithAck('join', 'deck');
  carl.emit('say', 'deck', 'to the deck');
  for (const socket of [anna, ben]) await heard(socket, 'to the deck');
  assert.deepEqual(carl.heard, ['to all']);
  const sockets = await one.fetchSockets();
  assert.deepEqual(sockets.map(({ id }) => id).sort(), [anna.id, ben.id, carl.id].sort());
  one.in('deck').socketsJoin('bridge');
  await eventually(async () => (await two.in('bridge').fetchSockets()).length === 2, 'all on deck are on the bridge');
  two.on('ask', (question, answer) => answer(`${question}!`));
  assert.deepEqual(await one.serverSideEmitWithAck('ask', 'ahoy'), ['ahoy!']);
  return { servers, anna, ben, carl };
}

await check('use', () => talk(() => createAdapter(open(), open(), { requestsTimeout: 5000 })));

await check('lanes', async () => {
  await talk(() => createAdapter(open(), open()));
  await ask('lanes main/db0/resp2=1 publisher=1 subscriber=1');
});

await check('node-redis', () => talk(async () => {
  const make = () => closing(createClient({ socket: address }), (it) => it.destroy()).connect();
  return createAdapter(await make(), await make());
}));

await check('redis restarts', async () => {
  const publisher = open();
  const { servers: [one, two], anna, ben } = await talk(() => createAdapter(open(), open()));
  await ask('kill');
  await refusal(() => publisher.ping());
  one.emit('said', 'meanwhile'); // Reaches the browsers of its own server.
  await heard(anna, 'meanwhile');
  await ask('start');
  let count = 0;
  await eventually(() => {
    two.emit('said', `again ${count++}`);
    return anna.heard.some((text) => text.startsWith('again'));
  }, 'the first server hears the second again');
  await eventually(() => {
    one.emit('said', `also ${count++}`);
    return ben.heard.some((text) => text.startsWith('also'));
  }, 'and the second the first');
});

finish();
