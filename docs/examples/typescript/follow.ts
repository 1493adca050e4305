// Follows what a CSAT ledger announces, over server-sent events: each announcement is printed as a line of JSON, and the
// cursor from which to go on is kept in a file, so that a restart misses nothing.
//
//     CSAT_LEDGER_TOKEN=… node follow.js https://ledger.example cursor.txt [--membership M] [--type EligibilityChanged]
//
// The cursor is kept once an announcement was dealt with: after a crash in between that one comes again. Who has a database
// keeps the cursor there, in the transaction of the effect, and each takes effect exactly once.

import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

// The types of schemas/openapi.json. Members and values may be added to them; what is not known is passed over.
export interface EligibilityChange {
  position: number;
  membership: string;
  cause: string;
  counted: number;
  edition: string | null;
  effective_at: string;
  location: string | null;
  organisations: number;
  previous: boolean;
  revises: boolean;
  satisfied: boolean;
  via: string | null;
  fact: string | null;
  seq: number;
}

export interface DesignationChange {
  position: number;
  membership: string;
  area: string;
  cause: string;
  centipoints: number;
  edition: string | null;
  effective_at: string;
  metrics: Record<string, number>;
  month: string | null;
  previous: boolean;
  qualified: boolean;
  revises: boolean;
  track: string;
  fact: string | null;
  seq: number;
}

export type Announcement =
  | { type: "EligibilityChanged"; change: EligibilityChange }
  | { type: "DesignationChanged"; change: DesignationChange };

interface CutOff {
  reason: string;
  sentence: string;
}

interface ServerEvent {
  name: string;
  data: string;
  id: string;
}

const SILENCE_MAX_MS = 45_000; // the service sends a heartbeat every 15 seconds
const PAUSE_MIN_MS = 200;
const PAUSE_MAX_MS = 15_000;
const EVENT_MAX = 1_048_576;

/** What asking again does not mend. */
class Final extends Error {}

/** Cuts the text of one connection into events (the HTML standard, 9.2). */
class EventReader {
  retryMs = 0;
  private rest = "";
  private name = "";
  private data: string[] = [];
  private id = "";

  *take(text: string): Generator<ServerEvent> {
    this.rest += text;
    if (this.rest.length > EVENT_MAX) throw new Error("found an event that is too long");
    for (;;) {
      const end = /\r\n|\n|\r(?!$)/.exec(this.rest); // a CR at the end may be half of a CRLF
      if (end === null) return;
      const line = this.rest.slice(0, end.index);
      this.rest = this.rest.slice(end.index + end[0].length);
      const colon = line.indexOf(":");
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (line === "") {
        if (this.data.length > 0) yield { name: this.name, data: this.data.join("\n"), id: this.id };
        this.name = "";
        this.data = [];
      } else if (field === "event") this.name = value;
      else if (field === "data") this.data.push(value);
      else if (field === "id") this.id = value;
      else if (field === "retry" && /^\d{1,9}$/.test(value)) this.retryMs = Number(value);
    }
  }
}

class Feed {
  private failures = 0;
  private retryMs = 0;

  constructor(
    private readonly url: URL,
    private readonly token: () => string,
    private cursor: string, // "" for the beginning
  ) {}

  /** Each announcement once and in order, with the cursor from which to go on; it never ends. */
  async *announcements(): AsyncGenerator<{ announcement: Announcement | null; cursor: string }> {
    for (;;) {
      try {
        yield* this.connection();
      } catch (error) {
        if (error instanceof Final) throw error;
        console.error(`lost: ${error instanceof Error ? error.message : String(error)}`);
      }
      this.failures += 1;
      const whole = Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** Math.min(this.failures - 1, 20));
      await sleep(Math.max(this.retryMs, whole * (0.5 + Math.random() / 2)));
    }
  }

  private async *connection(): AsyncGenerator<{ announcement: Announcement | null; cursor: string }> {
    const url = new URL(this.url);
    const headers: Record<string, string> = {
      Accept: "text/event-stream",
      Authorization: `Bearer ${this.token()}`,
    };
    if (this.cursor === "") url.searchParams.set("after", "0");
    else headers["Last-Event-ID"] = this.cursor;
    const silence = new AbortController();
    let watch = setTimeout(() => silence.abort(new Error("nothing was heard for too long")), SILENCE_MAX_MS);
    try {
      const response = await fetch(url, { headers, signal: silence.signal, redirect: "error" });
      if (!response.ok || response.body === null) throw await problemOf(response);
      const reader = new EventReader();
      for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
        clearTimeout(watch);
        watch = setTimeout(() => silence.abort(new Error("nothing was heard for too long")), SILENCE_MAX_MS);
        this.failures = 0;
        for (const event of reader.take(text)) {
          const announcement = read(event);
          if (event.id === "" || positionOf(event.id) <= positionOf(this.cursor)) continue; // given already
          this.cursor = event.id;
          yield { announcement, cursor: event.id };
        }
        this.retryMs = reader.retryMs;
      }
      throw new Error("the service has ended the stream");
    } finally {
      clearTimeout(watch);
      silence.abort();
    }
  }
}

/** The announcement of an event; null for one that only says how far the feed has come, or is not known. */
function read(event: ServerEvent): Announcement | null {
  switch (event.name) {
    case "EligibilityChanged":
      return { type: event.name, change: JSON.parse(event.data) as EligibilityChange };
    case "DesignationChanged":
      return { type: event.name, change: JSON.parse(event.data) as DesignationChange };
    case "cut-off": {
      const why = JSON.parse(event.data) as CutOff;
      if (why.reason === "position-unknown") throw new Final(`${why.reason}: ${why.sentence}`);
      throw new Error(`${why.reason}: ${why.sentence}`);
    }
    default:
      return null;
  }
}

async function problemOf(response: Response): Promise<Error> {
  const said = (await response.text()).slice(0, 2_000);
  const again = [429, 502, 503, 504].includes(response.status);
  return again ? new Error(`${response.status}: ${said}`) : new Final(`${response.status}: ${said}`);
}

function positionOf(cursor: string): number {
  return Number(cursor.split("-", 1)[0] ?? "0");
}

/** Keeps a cursor so that a crash leaves the old one or the new one. */
function keep(file: string, cursor: string): void {
  writeFileSync(`${file}.new`, cursor, { flush: true });
  renameSync(`${file}.new`, file);
}

function kept(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

async function main(service: string, file: string, ...options: string[]): Promise<void> {
  const url = new URL(`${service.replace(/\/$/, "")}/v1/changes`);
  for (let at = 0; at + 1 < options.length; at += 2) {
    url.searchParams.set((options[at] ?? "").replace(/^--/, ""), options[at + 1] ?? "");
  }
  const feed = new Feed(url, () => process.env["CSAT_LEDGER_TOKEN"] ?? "", kept(file));
  for await (const { announcement, cursor } of feed.announcements()) {
    if (announcement !== null) console.log(JSON.stringify({ type: announcement.type, ...announcement.change }));
    keep(file, cursor);
  }
}

const [service, file, ...options] = process.argv.slice(2);
if (service === undefined || file === undefined) {
  console.error("found no URL and no file, expected: node follow.js https://ledger.example cursor.txt");
  process.exit(2);
}
main(service, file, ...options).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
});
