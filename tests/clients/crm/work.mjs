// What the workers of the CRM do: mostly they call somebody outside, by HTTP.

// How many jobs of a queue a process works on at a time.
export const concurrency = { emails: 5, messages: 2, ai: 3 };

async function call(kind, job, subject = job.data.subject) {
  const answer = await fetch(`${process.env.OUTSIDE_URL}/${kind}`, {
    method: 'POST',
    body: JSON.stringify({ subject, attempt: job.attemptsMade + 1 }),
  });
  await answer.arrayBuffer();
  if (!answer.ok) throw new Error(`${kind} answered ${answer.status}`);
}

// Calls for each part, and tells how far it is.
async function byParts(kind, job) {
  const parts = job.data.parts ?? 1;
  for (let part = 1; part <= parts; part += 1) {
    await call(kind, job);
    await job.progress((100 * part) / parts);
  }
  return { parts };
}

export function workers({ queues, client }) {
  return {
    messages: (job) => call('messages', job),
    emails: (job) => call('emails', job),
    webhooks: (job) => call('webhooks', job),
    ai: (job) => call('ai', job),
    imports: (job) => byParts('imports', job),
    exports: (job) => byParts('exports', job),

    // A message to each contact.
    async campaigns(job) {
      const { subject, contacts } = job.data;
      await queues.messages.addBulk(
        contacts.map((contact) => ({ data: { subject: `${subject} to ${contact}` } })),
      );
      return { messages: contacts.length };
    },

    // Step after step; the next one waits in the queue.
    async flows(job) {
      const { subject, steps, wait } = job.data;
      const [step, ...rest] = steps;
      await call('flows', job, `${subject}: ${step}`);
      if (rest.length > 0) {
        await queues.flows.add({ subject, steps: rest, wait }, { delay: wait });
      }
    },

    async analytics(job) {
      if (!job.data.subject) throw new Error('figures of what?');
      await call('analytics', job);
    },

    // To the user's browser, whichever process that is connected to.
    async notifications(job) {
      await client.publish(`notifications:${job.data.user}`, job.data.subject);
    },
  };
}
