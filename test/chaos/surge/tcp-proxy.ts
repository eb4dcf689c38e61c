import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

type State =
  { readonly kind: 'open' } | { readonly kind: 'slow'; readonly delayMs: number } | { readonly kind: 'silent' };

/** One side's bytes on their way to the other, in order, whatever the delay does meanwhile. */
class Flow {
  private readonly waiting: { readonly dueAt: number; readonly chunk: Buffer | null }[] = [];
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly from: Socket,
    private readonly to: Socket,
    private readonly state: () => State,
  ) {
    from.on('data', (chunk: Buffer) => {
      this.pass(chunk);
    });
    from.on('end', () => {
      this.pass(null);
    });
    to.on('drain', () => {
      if (this.state().kind !== 'silent') from.resume();
    });
    from.on('close', () => {
      clearTimeout(this.timer);
    });
  }

  private pass(chunk: Buffer | null): void {
    const state = this.state();
    const delayMs = state.kind === 'slow' ? state.delayMs : 0;
    const last = this.waiting.at(-1)?.dueAt ?? 0;
    const dueAt = Math.max(performance.now() + delayMs, last);
    if (delayMs === 0 && this.waiting.length === 0) {
      this.write(chunk);
      return;
    }
    this.waiting.push({ dueAt, chunk });
    this.timer ??= setTimeout(() => {
      this.writeDue();
    }, delayMs);
  }

  private writeDue(): void {
    const now = performance.now();
    for (let next = this.waiting[0]; next !== undefined && next.dueAt <= now + 1; next = this.waiting[0]) {
      this.waiting.shift();
      this.write(next.chunk);
    }
    const next = this.waiting[0];
    this.timer =
      next === undefined
        ? undefined
        : setTimeout(() => {
            this.writeDue();
          }, next.dueAt - now);
  }

  private write(chunk: Buffer | null): void {
    if (this.to.destroyed) return;
    if (chunk === null) this.to.end();
    else if (!this.to.write(chunk)) this.from.pause();
  }
}

/** A connection's two ends; `upstream` is missing while the line is silent, as nobody would answer the client. */
interface Line {
  readonly client: Socket;
  upstream?: Socket;
}

/** A TCP line on 127.0.0.1 that can be cut, slowed down and silenced. */
export class TcpProxy {
  private state: State = { kind: 'open' };
  private readonly lines = new Set<Line>();

  private constructor(
    private readonly server: Server,
    private readonly targetPort: number,
  ) {
    server.on('connection', (client) => {
      this.accept(client);
    });
  }

  /** Listens on a port of its own, and passes everything on to that one. */
  static async to(targetPort: number): Promise<TcpProxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TcpProxy(server, targetPort);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Resets every connection, or every second one. */
  cut(which: 'all' | 'half' = 'all'): void {
    for (const [index, line] of [...this.lines].entries()) if (which === 'all' || index % 2 === 0) this.reset(line);
  }

  /** From now on everything takes longer, in each direction. */
  slow(delayMs: number): void {
    this.state = { kind: 'slow', delayMs };
  }

  /** From now on nothing passes, and nobody is told: packets are not lost, they wait. */
  silence(): void {
    this.state = { kind: 'silent' };
    for (const { client, upstream } of this.lines) {
      client.pause();
      upstream?.pause();
    }
  }

  /** Passes everything on again, what waited first. */
  heal(): void {
    const wasSilent = this.state.kind === 'silent';
    this.state = { kind: 'open' };
    if (!wasSilent) return;
    for (const line of [...this.lines]) {
      if (line.upstream === undefined) this.join(line);
      line.upstream?.resume();
      line.client.resume();
    }
  }

  close(): void {
    this.server.close();
    this.cut();
  }

  private accept(client: Socket): void {
    const line: Line = { client };
    this.lines.add(line);
    client.on('error', () => undefined);
    client.on('close', () => {
      this.lines.delete(line);
      line.upstream?.destroy();
    });
    if (this.state.kind === 'silent') client.pause();
    else this.join(line);
  }

  private join(line: Line): void {
    const { client } = line;
    const upstream = connect({ port: this.targetPort, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    line.upstream = upstream;
    // where the server is gone the client hears it as from the server
    upstream.on('error', () => client.resetAndDestroy());
    upstream.on('close', () => {
      client.destroySoon();
    });
    const state = (): State => this.state;
    new Flow(client, upstream, state);
    new Flow(upstream, client, state);
  }

  private reset({ client, upstream }: Line): void {
    client.resetAndDestroy();
    upstream?.resetAndDestroy();
  }
}
