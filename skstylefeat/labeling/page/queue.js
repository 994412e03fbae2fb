// Changes on their way: sent one after the other, again and again, until the server has said that
// they are on disk. What still waits survives a reload of the page.

const STORE = `waiting ${location.pathname}`;
const AGAIN = 1000; // milliseconds between two attempts
const REFUSED = [400, 409, 413, 415, 422]; // trying again would not help

export class Queue {
  // `answered(progress, entry)`, `refused(message, entry)` and `connected(problem or null)` are
  // called as things come.
  constructor(answered, refused, connected) {
    Object.assign(this, { answered, refused, connected });
    this.waiting = JSON.parse(sessionStorage.getItem(STORE) || "[]");
    this.running = false;
  }

  push(op, body = {}) {
    this.waiting.push({ op, body: { ...body, id: crypto.randomUUID() } });
    this.save();
    this.run();
  }

  // The label that waits for a row: a class, null for none, undefined where nothing waits.
  label(row) {
    const entry = this.waiting.findLast((x) => x.op === "label" && x.body.row === row);
    return entry?.body.label;
  }

  async run() {
    if (this.running) return;
    this.running = true;
    while (this.waiting.length) {
      const entry = this.waiting[0];
      const { status, answer } = await send(entry.op, entry.body);
      if (status === 200 || REFUSED.includes(status)) {
        this.waiting.shift();
        this.save();
        this.connected(null);
        if (status === 200) this.answered(answer, entry);
        else this.refused(answer.error || `The server refused (${status}).`, entry);
      } else {
        this.connected(answer.error || "The server does not answer.");
        await new Promise((resolve) => setTimeout(resolve, AGAIN));
      }
    }
    this.running = false;
  }

  save() {
    sessionStorage.setItem(STORE, JSON.stringify(this.waiting));
  }
}

export function send(op, body) {
  return ask(op, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

// Returns the status, 0 where nobody answers, and the answer as an object.
export async function ask(path, options = {}) {
  try {
    const response = await fetch(path, { cache: "no-store", ...options });
    return { status: response.status, answer: await response.json() };
  } catch {
    return { status: 0, answer: {} };
  }
}
