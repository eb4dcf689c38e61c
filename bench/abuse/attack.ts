/** What somebody who means no good sends, as fast as he gets answers. */
export interface Attack {
  readonly name: string;
  readonly connections: number;
  /** whole requests, or beginnings of some, as they go over the wire; each connection takes the next, round and round */
  readonly requests: readonly string[];
  /** one more byte each half second, after requests that do not end */
  readonly trickle?: boolean;
}

/** What the attacker's process is told, in a file. */
export interface AttackJob extends Attack {
  readonly url: string;
  readonly seconds: number;
}

/** What it answers, as a line of JSON. */
export interface AttackResult {
  /** answers by status */
  readonly answers: Readonly<Record<string, number>>;
  /** connections that were ended by the server */
  readonly ended: number;
}
