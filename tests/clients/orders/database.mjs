// The database of the order service, which speaks JSON over HTTP.

const address = process.env.DATABASE_URL;

async function request(method, path, body) {
  const response = await fetch(address + path, {
    method,
    headers: { 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`database: ${method} ${path}: ${response.status}`);
  return response.json();
}

export const database = {
  read: (path) => request('GET', path),
  create: (path, row) => request('POST', path, row),
  update: (path, row) => request('PUT', path, row),
};
