// Requests to the server, and the queue of changes: they are sent in order, and repeated until the
// server has them on disk. Changes that still wait survive a reload of the page.

const RETRY_MS = 1000;
const REFUSALS = [400, 409, 413, 415, 422]; // a repetition would not help

export class Queue {
  // Callbacks: `answered(progress, change)`, `refused(message, change)`, `connected(problem)`, where
  // problem is null if the server answers.
  constructor(answered, refused, connected) {
    Object.assign(this, { answered, refused, connected });
    this.waiting = [];
    this.running = false;
  }

  // Continue with the changes that waited when the page of this session was left.
  restore(pageKey) {
    this.store = `waiting ${pageKey}`;
    this.waiting = JSON.parse(sessionStorage.getItem(this.store) || "[]");
  }

  push(op, body = {}) {
    this.waiting.push({ op, body: { ...body, id: crypto.randomUUID() } });
    this.save();
    this.run();
  }

  // The change that waits for a row of an attribute: {label, unsure}, undefined if nothing waits.
  change(attribute, row) {
    return this.waiting.findLast((x) => x.op === "label" && x.body.attribute === attribute &&
      x.body.rows.includes(row))?.body;
  }

  async run() {
    if (this.running) return;
    this.running = true;
    while (this.waiting.length) {
      const change = this.waiting[0];
      const { status, answer } = await send(change.op, change.body);
      if (status === 200 || REFUSALS.includes(status)) {
        this.waiting.shift();
        this.save();
        this.connected(null);
        if (status === 200) this.answered(answer, change);
        else this.refused(answer.error || `The server refused (${status}).`, change);
      } else {
        this.connected(answer.error || "The server does not answer.");
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
    this.running = false;
  }

  save() {
    sessionStorage.setItem(this.store, JSON.stringify(this.waiting));
  }
}

export function send(op, body) {
  return ask(op, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

// Returns the status, 0 if the server does not answer, and the answer as an object.
export async function ask(path, options = {}) {
  try {
    const response = await fetch(path, { cache: "no-store", ...options });
    return { status: response.status, answer: await response.json() };
  } catch {
    return { status: 0, answer: {} };
  }
}

// Returns the new address of the session if the command has been started again, else undefined.
export async function findNewAddress(pageKey) {
  const { answer } = await send("/resume", { page_key: pageKey });
  return answer.address;
}
