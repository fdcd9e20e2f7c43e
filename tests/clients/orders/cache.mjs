// The five ways in which the order service caches, over hawser's CACHE commands. A plain Redis client
// is enough: commands it does not know go out by redis.call().
//
// Every read gives { value, from }. `from` says how it came about, for the x-cache header:
//   copy      as it was in this process
//   hit       as it was in the cache
//   stale     as it was in the cache, near the end of its life; somebody refreshes it
//   stored    computed, and now in the cache
//   refused   computed, but what it was computed from has changed since: not in the cache
//   computed  computed without the cache: another caller's took too long, or there is no cache

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

// How long a caller may take to compute a value before it is taken for dead.
const LEASE = Number(process.env.LEASE_MS ?? 10 * SECOND);

const INVALIDATE_CHANNEL = 'cache:invalidate';
// Hawser tells here, at once and with each change, whether it has Redis.
const STATE_CHANNEL = '__hawser__:state';

// `connect` makes a connection to hawser. There is one for what is answered at once, and one on which
// to wait for other callers: replies come in order, so nobody else should stand behind those.
export function openCache(connect) {
  const redis = connect();
  const waiting = connect();

  // A value that one caller computes at a time, over all instances. Meanwhile the others wait in
  // hawser, or get the old value if `stale` (ms before the end of its life) allows it.
  async function leased(key, { life, tags = [], stale = 0 }, compute) {
    const old = stale > 0 ? ['STALE', stale] : [];
    const fill = async (token) => {
      const value = await compute();
      // Without a token nobody knows whether the value is still true by now: not to be stored.
      if (token === null) return { value, from: 'computed' };
      const tagged = tags.length > 0 ? ['TAGS', tags.length, ...tags] : [];
      const stored = await redis
        .call('CACHE.SET', key, JSON.stringify(value), 'PX', life, ...tagged, 'LEASE', token)
        .catch(() => null);
      return { value, from: stored === 'OK' ? 'stored' : 'refused' };
    };
    const refresh = async () => {
      const [, , token] = await waiting.call('CACHE.GET', key, 'LEASE', LEASE, ...old);
      if (token !== null) await fill(token);
    };

    let cached, state, token;
    try {
      [cached, state] = await redis.call('CACHE.GET', key, ...old);
      if (state === 'miss') {
        [cached, state, token] = await waiting.call('CACHE.GET', key, 'LEASE', LEASE);
      } else if (state === 'stale') {
        refresh().catch((error) => console.error(`refreshing ${key}:`, error.message));
      }
    } catch {
      return fill(null);
    }
    if (state === 'miss') return fill(token);
    return { value: JSON.parse(cached), from: state === 'stale' ? 'stale' : 'hit' };
  }

  // Throws away everything under a tag, on every instance and in every program.
  const invalidate = (tag) => redis.call('CACHE.INVALIDATE', tag);

  // Reference data: nearly never changes, kept for a day, thrown away by name when it does.
  const reference = {
    read: (name, compute) =>
      leased(`reference:${name}`, { life: 24 * HOUR, tags: [`reference:${name}`] }, compute),
    changed: (name) => invalidate(`reference:${name}`),
  };

  // Lists that must show each change: tagged, whatever their filter, with what they are made from.
  const orderLists = {
    read: (company, filter, compute) => {
      const tags = [`company:${company}:orders`];
      return leased(`orders:${company}:${filter}`, { life: HOUR, tags }, compute);
    },
    changed: (company) => invalidate(`company:${company}:orders`),
  };

  // Figures that cost much and may be a little old: the old ones are served at once while one caller,
  // in the background, computes the new.
  const analytics = {
    read: (company, compute) =>
      leased(`analytics:${company}`, { life: 10 * MINUTE, stale: 5 * MINUTE }, compute),
  };

  // Single things with a key of their own: deleted by that key, plain Redis. One who has read the
  // database just before the change may still store the old value after it; what must not be is the
  // lists' business.
  const details = {
    async read(id, compute) {
      const cached = await redis.get(`order:${id}`).catch(() => null);
      if (cached !== null) return { value: JSON.parse(cached), from: 'hit' };
      const value = await compute();
      const stored = await redis
        .set(`order:${id}`, JSON.stringify(value), 'PX', 10 * MINUTE)
        .catch(() => null);
      return { value, from: stored === 'OK' ? 'stored' : 'computed' };
    },
    changed: (id) => redis.unlink(`order:${id}`),
  };

  // User contexts: read with each request, hence also kept in the process. Hawser tells every
  // instance of a change, and each drops its copy.
  const copies = new Copies(connect());
  const contexts = {
    read: (id, compute) =>
      copies.read(`user:${id}`, 5 * MINUTE, () =>
        leased(`user:${id}`, { life: 5 * MINUTE }, compute)),
    async changed(id) {
      // Hawser deletes the key in Redis, then tells everybody who listens.
      const message = { type: 'keys', target: [`user:${id}`], source: 'orders' };
      await redis.publish(INVALIDATE_CHANNEL, JSON.stringify(message));
      copies.drop(`user:${id}`);
    },
  };

  return { reference, orderLists, analytics, details, contexts };
}

// Values in this process, kept only while it hears of their changes.
class Copies {
  #values = new Map();
  #listening = false;
  // Counts what was dropped: a value read before a drop must not become a copy after it.
  #drops = 0;

  constructor(subscriber) {
    subscriber.on('ready', () => this.#subscribe(subscriber));
    subscriber.on('message', (channel, text) => {
      const message = JSON.parse(text);
      if (channel === STATE_CHANNEL) this.#heardState(message);
      else this.#heardChange(message);
    });
    subscriber.on('close', () => this.#listen(false));
  }

  async read(key, life, readThrough) {
    const copy = this.#values.get(key);
    if (copy !== undefined && Date.now() < copy.until) return { value: copy.value, from: 'copy' };
    const drops = this.#drops;
    const read = await readThrough();
    const cached = read.from === 'hit' || read.from === 'stored';
    if (cached && this.#listening && drops === this.#drops) {
      this.#values.set(key, { value: read.value, until: Date.now() + life });
    }
    return read;
  }

  drop(key) {
    this.#drops += 1;
    this.#values.delete(key);
  }

  #dropAll() {
    this.#drops += 1;
    this.#values.clear();
  }

  async #subscribe(subscriber) {
    try {
      // In this order: once the state is told the changes are heard, too.
      await subscriber.subscribe(INVALIDATE_CHANNEL, STATE_CHANNEL);
    } catch {
      // The connection is lost again; the next one is ready in its turn.
    }
  }

  #listen(listening) {
    this.#listening = listening;
    this.#dropAll();
  }

  // While hawser has no Redis no change can be told.
  #heardState({ state }) {
    this.#listen(state === 'closed');
  }

  #heardChange({ type, target }) {
    if (type === 'keys') [target].flat().forEach((key) => this.drop(key));
    if (type === 'pattern') this.#dropAll();
  }
}
