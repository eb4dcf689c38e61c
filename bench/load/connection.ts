import { createConnection, type Socket } from 'node:net';

/** One HTTP/1.1 connection that is kept open, with one request under way at the most. */
export class Connection {
  private readonly socket: Socket;
  private received = '';
  private onAnswer: ((status: number) => void) | undefined;

  private constructor(socket: Socket) {
    this.socket = socket.setNoDelay().setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      this.received = this.received === '' ? chunk : this.received + chunk;
      this.read();
    });
  }

  /** @param onBroken called when the connection ends before `close` */
  static open({ hostname, port }: URL, onBroken: (error: Error) => void): Promise<Connection> {
    return new Promise((resolve) => {
      const socket = createConnection({ host: hostname, port: Number(port) }, () => {
        resolve(new Connection(socket));
      });
      socket.once('error', onBroken);
      socket.once('end', () => {
        onBroken(new Error('the server closed a connection'));
      });
    });
  }

  /** @param request all of it, as it goes over the wire */
  send(request: string, onAnswer: (status: number) => void): void {
    this.onAnswer = onAnswer;
    this.socket.write(request, 'latin1');
  }

  close(): void {
    this.socket.destroy();
  }

  private read(): void {
    const headEnd = this.received.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const length = /\r\ncontent-length: *(\d+)/i.exec(this.received.slice(0, headEnd))?.[1];
    if (length === undefined) throw new Error(`an answer without a length: ${this.received.slice(0, 200)}`);
    if (this.received.length < headEnd + 4 + Number(length)) return;
    const status = Number(this.received.slice(9, 12));
    this.received = '';
    this.onAnswer?.(status);
  }
}
