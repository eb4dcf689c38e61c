import type { Connection } from './connection.js';
import type { Pace } from './generator-job.js';
import type { Tally } from './tally.js';

const tickMs = 1;

/** Each connection sends its next request when it has an answer. Resolves with the last answer. */
export async function closedLoop(
  pace: Extract<Pace, { kind: 'requests' | 'seconds' }>,
  connections: readonly Connection[],
  nextRequest: () => string,
  tally: Tally,
): Promise<void> {
  let left = pace.kind === 'requests' ? pace.requests : Infinity;
  const until = pace.kind === 'seconds' ? performance.now() + pace.seconds * 1000 : Infinity;
  await Promise.all(
    connections.map(
      (connection) =>
        new Promise<void>((resolve) => {
          const next = (): void => {
            const sentAt = performance.now();
            if (left-- <= 0 || sentAt >= until) {
              resolve();
              return;
            }
            connection.send(nextRequest(), (status) => {
              const now = performance.now();
              tally.note(status, now, now - sentAt);
              next();
            });
          };
          next();
        }),
    ),
  );
}

/** Requests arrive at a constant rate; what finds no connection free waits, and its time counts. */
export async function constantRate(
  { perSecond, seconds }: Extract<Pace, { kind: 'rate' }>,
  connections: readonly Connection[],
  nextRequest: () => string,
  tally: Tally,
): Promise<void> {
  const total = Math.floor(perSecond * seconds);
  const idle = [...connections];
  const startedAt = performance.now();
  let sent = 0;
  let answered = 0;
  await new Promise<void>((resolve) => {
    const sendDue = (): void => {
      const due = Math.min(total, Math.floor(((performance.now() - startedAt) * perSecond) / 1000));
      while (sent < due) {
        const connection = idle.pop();
        if (connection === undefined) return;
        send(connection, startedAt + (sent++ * 1000) / perSecond);
      }
    };
    const timer = setInterval(sendDue, tickMs);
    function send(connection: Connection, arrivedAt: number): void {
      connection.send(nextRequest(), (status) => {
        const now = performance.now();
        tally.note(status, now, now - arrivedAt);
        idle.push(connection);
        if (++answered === total) {
          clearInterval(timer);
          resolve();
        } else sendDue();
      });
    }
  });
}
