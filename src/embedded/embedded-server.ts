/** A real server on 127.0.0.1 that this process started and that ends with it. */
export interface EmbeddedServer {
  /** With user and password, where it has them. */
  readonly url: string;
  readonly port: number;
  /** Of the server itself. Signals to it are the caller's affair; `ended` tells. */
  readonly pid: number;
  /** Resolves when the server is gone, stopped or not. */
  readonly ended: Promise<void>;
  /** Stops it in order, keeps its data, and resolves when it is gone. Safe to repeat. */
  stop(): Promise<void>;
}
