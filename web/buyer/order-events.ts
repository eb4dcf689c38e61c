import { Refusal } from '../shared/http.js';
import { sendAsBuyer } from './identity.js';
import type { Order } from './model.js';

/** The API sends something every 15 s; a connection that is silent for longer is dead. */
const silenceMs = 40_000;

/**
 * Hears of each change until the stream ends, breaks, or cannot be had. Read with fetch: an EventSource sends no token.
 * @throws whatever `signal` was aborted with
 */
export async function orderEvents(path: string, signal: AbortSignal, onOrder: (order: Order) => void): Promise<void> {
  const dead = new AbortController();
  let silence = setTimeout(end, silenceMs);
  function end(): void {
    dead.abort();
  }
  try {
    const headers = { accept: 'text/event-stream' };
    const { body } = await sendAsBuyer(path, {
      headers,
      signal: AbortSignal.any([signal, dead.signal]),
      timeoutMs: null,
    });
    if (body === null) return;
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(silence);
      silence = setTimeout(end, silenceMs);
      const events = (text + value).split('\n\n');
      text = events.pop() ?? '';
      for (const event of events) hear(event, onOrder);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Refusal && error.code === 'unauthenticated') throw error;
    // whoever follows the order asks for it next
  } finally {
    clearTimeout(silence);
  }
}

function hear(event: string, onOrder: (order: Order) => void): void {
  const data = event
    .split('\n')
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice('data:'.length).trimStart());
  if (data.length > 0) onOrder(JSON.parse(data.join('\n')) as Order);
}
