// Runs the checks of one library, and asks the driver (library_rig.py) for faults and for what Redis
// sees. Each check has connections of its own: `closing` ends them.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import readline from 'node:readline';

export { assert };

export const { REDIS_URL, REDIS_SOCKET, REDIS_PASSWORD, REDIS_USER, REDIS_USER_PASSWORD } = process.env;
export const port = Number(process.env.REDIS_PORT);
export const address = { host: process.env.REDIS_HOST, port };
export const MEGABYTE = 2 ** 20;

const lines = readline.createInterface({ input: process.stdin });
const answers = lines[Symbol.asyncIterator]();

export async function ask(question) {
  console.log(`? ${question}`);
  const { value } = await answers.next();
  assert.equal(value, 'yes', question);
}

const text = (error) => (error instanceof Error ? error.stack : String(error));
let closers = [];
let failed = false;

// `close` is called at the end of the check that is running; gives `client`.
export function closing(client, close) {
  closers.push(() => close(client));
  return client;
}

export async function check(name, body) {
  const late = setTimeout(() => {
    console.log(`not ok ${name}\ntook longer than 30 s`);
    process.exit(1);
  }, 30_000);
  let said = `ok ${name}`;
  try {
    await body();
  } catch (error) {
    said = `not ok ${name}\n${text(error)}`;
    failed = true;
  }
  for (const close of closers.reverse()) {
    try {
      await close();
    } catch (error) {
      said = `not ok ${name}\nat its end: ${text(error)}`;
      failed = true;
    }
  }
  closers = [];
  clearTimeout(late);
  console.log(said);
}

export function finish() {
  lines.close();
  // A library that keeps the process alive after all was closed has leaked something.
  const late = setTimeout(() => {
    console.log(`not ok end\nthe process does not end by itself: ${process.getActiveResourcesInfo()}`);
    process.exit(1);
  }, 5000);
  late.unref();
  process.exitCode = failed ? 1 : 0;
}

// Errors nobody waits for; where a library leaves them so, `fits(error)` says which are to be expected.
let expected = () => false;
export function expecting(fits) {
  expected = fits;
}
process.on('unhandledRejection', (error) => {
  if (expected(error)) return;
  console.log(`not ok unhandled rejection\n${text(error)}`);
  failed = true;
  process.exitCode = 1;
});

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function eventually(condition, what, deadline = 15_000) {
  const end = Date.now() + deadline;
  for (;;) {
    const value = await condition();
    if (value) return value;
    assert.ok(Date.now() < end, `not within ${deadline} ms: ${what}`);
    await sleep(10);
  }
}

// The event's value, or an error that says what was waited for.
export async function event(emitter, name) {
  const [value] = await once(emitter, name, { signal: AbortSignal.timeout(10_000) });
  return value;
}

// What the README tells users to write, with `names` in scope.
export function written(snippet, names) {
  return new Function(...Object.keys(names), `return ${snippet};`)(...Object.values(names));
}
export const README = { tcp: process.env.README_TCP, unix: process.env.README_UNIX };

export const blob = (size) => Buffer.alloc(size, Array.from({ length: 256 }, (_, i) => i));

// Eight at a time ask without pause for a word of their own, which `say(word)` has Redis repeat. While
// they do, `fault` happens; none may get another's word, and all must get their own again afterwards.
// `fits(error)` says whether an error is one the library is to show for it.
export async function survives({ say, fault, fits = () => true }) {
  const workers = Array.from({ length: 8 }, () => ({ good: 0, errors: 0 }));
  let isOver = false;
  const unfit = [];
  const runs = workers.map(async (worker, index) => {
    for (let turn = 0; !isOver; turn++) {
      const word = `${index}-${turn}-${process.pid}`;
      try {
        const reply = await say(word);
        assert.equal(String(reply), word, 'the reply is another request\'s');
        worker.good++;
      } catch (error) {
        if (error.code === 'ERR_ASSERTION') throw error;
        worker.errors++;
        if (!fits(error)) unfit.push(error);
        await sleep(5);
      }
    }
  });
  const gone = Promise.all(runs);
  const all = (field, count) => () =>
    Promise.race([gone, workers.every((worker) => worker[field] >= count)]);
  try {
    await eventually(all('good', 20), 'all workers get their words');
    await fault({ failing: () => eventually(all('errors', 1), 'all workers see the fault') });
    for (const worker of workers) worker.good = 0;
    await eventually(all('good', 20), 'all workers get their words again');
  } finally {
    isOver = true;
    await gone;
  }
  if (unfit.length > 0) throw new Error('not the error it should be', { cause: unfit[0] });
}

// Jobs are added and worked on while `fault` happens; none is lost, and the result of each is its own.
// `add(id, data)` adds one, `worker(work)` has `work(job)` called for each, and `completed()` gives
// those that are done.
export async function jobsSurvive({ worker, add, completed, fault }) {
  const done = new Set();
  await worker(async (job) => {
    await sleep(5);
    done.add(job.data.word);
    return job.data.word;
  });
  const words = [];
  let isOver = false;
  const adding = (async () => {
    for (let added = 0; !isOver; added++) {
      const word = `word${added}`;
      // The id makes a second attempt harmless: an outcome may be unknown.
      while (!(await add(word, { word }).catch(() => null))) await sleep(20);
      words.push(word);
      await sleep(5);
    }
  })();
  try {
    await eventually(() => done.size >= 10, 'jobs are done');
    const before = done.size;
    await fault();
    await eventually(() => done.size >= before + 20, 'jobs are done again', 25_000);
  } finally {
    isOver = true;
    await adding;
  }
  await eventually(() => words.every((word) => done.has(word)), 'every job is done', 25_000);
  for (const job of await completed()) assert.equal(job.returnvalue, job.data.word);
}

// Faults for `jobsSurvive`: workers find out by themselves, and wait.
export async function redisAway() {
  await ask('kill');
  await sleep(300);
  await ask('start');
}

// The first error of `attempt`, made again and again. Those that were made before hawser's circuit opened
// wait for Redis, for seconds.
export async function refusal(attempt) {
  let first = null;
  await eventually(() => {
    attempt().catch((error) => (first ??= error));
    return first;
  }, 'it is refused');
  return first;
}

// Faults for `survives`. In the first, clients are told at once that there is no Redis.
export async function redisRestart({ failing }) {
  await ask('kill');
  await failing();
  await ask('start');
}
export const hawserRestart = () => ask('hawser restart');
