import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A way to a server on which connections can go dead without an end, as behind a router that has forgotten them. */
export class DeafProxy {
  /** ends of connections on which an event stream was asked for */
  private readonly streams = new Set<[Socket, Socket]>();
  private readonly sockets = new Set<Socket>();

  private constructor(private readonly server: Server) {}

  static async before(url: string): Promise<DeafProxy> {
    const { hostname, port } = new URL(url);
    const server = createServer((client) => {
      proxy.join(client, connect(Number(port), hostname));
    });
    const proxy = new DeafProxy(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** No event stream that stands hears anything any more; new ones do. */
  deafen(): void {
    for (const [client, upstream] of this.streams) upstream.unpipe(client).resume();
    this.streams.clear();
  }

  close(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private join(client: Socket, upstream: Socket): void {
    for (const socket of [client, upstream]) {
      this.sockets.add(socket);
      socket.on('error', () => socket.destroy());
    }
    client.on('data', (data) => {
      if (data.includes('/events ')) this.streams.add([client, upstream]);
    });
    client.on('close', () => upstream.destroy());
    client.pipe(upstream).pipe(client);
  }
}
