// The five ways in which the order service caches, over hawser's CACHE commands. A plain Redis client
// is enough: commands it does not know go out by redis.call().
//
// Each function returns { value, from }. `from` says how it came about, for the x-cache header:
//   hit       as it was in the cache
//   copy      as it was in this process
//   stale     as it was in the cache, near the end of its life; somebody refreshes it
//   stored    computed, and now in the cache
//   refused   computed, but what it was computed from has changed since: not in the cache
//   computed  computed without the cache: another caller's took too long, or there is no cache

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

// How long another instance may take to compute a value before it is taken for dead.
const LEASE = Number(process.env.LEASE_MS ?? 10 * SECOND);

const INVALIDATE_CHANNEL = 'cache:invalidate';

// A value that is computed by one caller at a time over all instances. While one computes, hawser
// lets the others wait, or gives them the old value if `stale` (ms before the end of life) allows it.
async function leased(redis, key, { life, tags = [], stale = 0 }, compute) {
  const options = ['LEASE', LEASE, ...(stale > 0 ? ['STALE', stale] : [])];
  let cached, state, token;
  try {
    [cached, state, token] = await redis.call('CACHE.GET', key, ...options);
  } catch {
    return { value: await compute(), from: 'computed' };
  }
  if (state === 'fresh') return { value: JSON.parse(cached), from: 'hit' };

  const fill = async () => {
    const value = await compute();
    // Without a token nobody knows whether the value is still true by now: not to be stored.
    if (token === null) return { value, from: 'computed' };
    const tagged = tags.length > 0 ? ['TAGS', tags.length, ...tags] : [];
    const stored = await redis
      .call('CACHE.SET', key, JSON.stringify(value), 'PX', life, ...tagged, 'LEASE', token)
      .catch(() => null);
    return { value, from: stored === 'OK' ? 'stored' : 'refused' };
  };

  if (state === 'stale') {
    if (token !== null) fill().catch((error) => console.error(`refreshing ${key}:`, error.message));
    return { value: JSON.parse(cached), from: 'stale' };
  }
  return fill();
}

// Reference data: nearly never changes, kept for a day, thrown away by name when it does.
export const reference = {
  read: (redis, name, compute) =>
    leased(redis, `reference:${name}`, { life: 24 * HOUR, tags: [`reference:${name}`] }, compute),
  changed: (redis, name) => redis.call('CACHE.INVALIDATE', `reference:${name}`),
};

// Lists that must show each change: tagged, whatever their filter, with what they are made from.
export const orderLists = {
  read: (redis, company, filter, compute) =>
    leased(
      redis,
      `orders:${company}:${filter}`,
      { life: HOUR, tags: [`company:${company}:orders`] },
      compute,
    ),
  changed: (redis, company) => redis.call('CACHE.INVALIDATE', `company:${company}:orders`),
};

// Figures that cost much and may be a little old: the old ones are served while one caller, not the
// one who asked, computes the new.
export const analytics = {
  read: (redis, company, compute) =>
    leased(redis, `analytics:${company}`, { life: 10 * MINUTE, stale: 5 * MINUTE }, compute),
};

// Single things with a key of their own: deleted by that key.
export const details = {
  async read(redis, id, compute) {
    const cached = await redis.get(`order:${id}`).catch(() => null);
    if (cached !== null) return { value: JSON.parse(cached), from: 'hit' };
    const value = await compute();
    const stored = await redis
      .set(`order:${id}`, JSON.stringify(value), 'PX', 10 * MINUTE)
      .catch(() => null);
    return { value, from: stored === 'OK' ? 'stored' : 'computed' };
  },
  changed: (redis, id) => redis.unlink(`order:${id}`),
};

// User contexts: read with each request, hence also kept in the process. A change is told to every
// instance through its hawser, and each drops its copy. Copies are kept only while we listen.
export class UserContexts {
  #redis;
  #copies = new Map();
  #listening = false;
  // Counts what was dropped: a value read before a drop must not become a copy after it.
  #drops = 0;

  // `subscriber`: a connection of its own, with autoResubscribe off.
  constructor(redis, subscriber) {
    this.#redis = redis;
    subscriber.on('ready', () => this.#listen(subscriber));
    subscriber.on('message', (channel, text) => this.#heard(text));
    subscriber.on('close', () => {
      this.#listening = false;
      this.#drop(null);
    });
  }

  async read(id, compute) {
    const key = `user:${id}`;
    const copy = this.#copies.get(key);
    if (copy !== undefined && Date.now() < copy.until) return { value: copy.value, from: 'copy' };
    const drops = this.#drops;
    const read = await leased(this.#redis, key, { life: 5 * MINUTE }, compute);
    const sure = read.from === 'hit' || read.from === 'stored';
    if (sure && this.#listening && drops === this.#drops) {
      this.#copies.set(key, { value: read.value, until: Date.now() + 5 * MINUTE });
    }
    return read;
  }

  // Hawser deletes the key in Redis, then tells everybody who listens.
  async changed(id) {
    const key = `user:${id}`;
    const message = { type: 'keys', target: [key], source: 'orders' };
    await this.#redis.publish(INVALIDATE_CHANNEL, JSON.stringify(message));
    this.#drop(key);
  }

  async #listen(subscriber) {
    try {
      await subscriber.subscribe(INVALIDATE_CHANNEL);
    } catch {
      return; // The connection is lost again; the next one is ready in its turn.
    }
    this.#drop(null);
    this.#listening = true;
  }

  #heard(text) {
    const { type, target } = JSON.parse(text);
    if (type === 'keys') [target].flat().forEach((key) => this.#drop(key));
    if (type === 'pattern') this.#drop(null);
  }

  #drop(key) {
    this.#drops += 1;
    if (key === null) this.#copies.clear();
    else this.#copies.delete(key);
  }
}
