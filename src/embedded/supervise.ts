import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { constants, open, readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';

import { becomesTrue } from './poll.js';
import { startMark } from './process-identity.js';

/**
 * A shell between us and the server, so that the server ends with us however we end, SIGKILL included.
 *
 * stdin is the lifeline: a pipe whose other end only our process holds, and the kernel closes with it. A subshell blocks on it and, at its
 * end, sends the stop signals ($1) one after the other, each with $2 seconds to work. It outlives the main shell, should someone kill that.
 * The pid goes to descriptor 3. Everything runs in a session of its own: Ctrl-C in a terminal reaches the application, which still
 * needs its servers to drain. Two shells cost 2 MB and 2 ms; a node process in their place 40 MB and 40 ms.
 */
const SUPERVISOR = `
signals=$1; grace=$2; shift 2
exec 4<&0 </dev/null
"$@" 3>&- 4<&- &
server=$!
(
  read -r _ <&4
  trap 'kill "$nap"; wait "$nap"; exit 0' TERM
  for signal in $signals; do
    kill -s "$signal" "$server" || exit 0
    kill -s CONT "$server"
    waited=0
    while [ "$waited" -lt "$grace" ]; do
      sleep 1 & nap=$!; wait "$nap"
      kill -0 "$server" || exit 0
      waited=$((waited + 1))
    done
  done
) 3>&- 2>/dev/null &
watcher=$!
exec 4<&-
echo "$server" >&3
exec 3>&-
trap : HUP INT TERM
wait "$server"; status=$?
while kill -0 "$server" 2>/dev/null; do wait "$server"; status=$?; done
kill "$watcher" 2>/dev/null; wait "$watcher"
exit "$status"
`;

const SIGNAL_GRACE_SECONDS = 5;

/** The account a server runs under, when it is not our own. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

export interface SuperviseOptions {
  /** Sent in turn, without `SIG`; the last should be KILL. */
  readonly stopSignals: readonly string[];
  /** Takes what the server prints; emptied first. */
  readonly logFile: string;
  readonly cwd: string;
  /** The whole environment; ours when left out. */
  readonly env?: NodeJS.ProcessEnv;
  readonly account?: Account | null;
}

/** A server process that ends with this one. */
export interface Supervised {
  readonly pid: number;
  /** Resolves when the process is gone, whatever ended it. */
  readonly ended: Promise<void>;
  /** True once it is gone. */
  hasEnded(): boolean;
  /** Stops it in order and waits for its end. Safe to repeat. */
  stop(): Promise<void>;
}

/** Starts a server that lives no longer than this process. It does not keep the event loop alive. @throws Error when it cannot be spawned */
export async function supervise(
  command: string,
  args: readonly string[],
  options: SuperviseOptions,
): Promise<Supervised> {
  // appended to: a server may open the same file a second time
  const { O_WRONLY, O_CREAT, O_TRUNC, O_APPEND } = constants;
  const log = await open(options.logFile, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0o600);
  try {
    const shell = spawn(
      '/bin/sh',
      [
        '-c',
        SUPERVISOR,
        'sluice-supervisor',
        options.stopSignals.join(' '),
        String(SIGNAL_GRACE_SECONDS),
        command,
        ...args,
      ],
      {
        cwd: options.cwd,
        detached: true,
        stdio: ['pipe', log.fd, log.fd, 'pipe'],
        ...(options.env && { env: options.env }),
        ...(options.account && { uid: options.account.uid, gid: options.account.gid }),
      },
    );
    return await adopt(shell);
  } finally {
    await log.close();
  }
}

/** The last lines a server printed, for an error message. */
export async function logTail(logFile: string, lines = 12): Promise<string> {
  const text = await readFile(logFile, 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-lines).join('\n');
}

async function adopt(shell: ChildProcess): Promise<Supervised> {
  const lifeline = shell.stdin as Socket;
  const pidPipe = shell.stdio[3] as Socket;
  lifeline.on('error', ignore); // EPIPE, when the shell ended first
  let gone = false;
  const exit = new Promise<NodeJS.Signals | null>((resolve, reject) => {
    shell.once('exit', (_code, signal) => {
      resolve(signal);
    });
    shell.once('error', reject);
  });
  exit.catch(ignore);
  const pid = await Promise.race([
    readPid(pidPipe),
    exit.then(() => Promise.reject(new Error('the supervising shell died at once'))),
  ]);
  const ended = exit.then(async (signal) => {
    lifeline.destroy();
    // The shell itself was killed: its subshell is stopping the server now.
    if (signal !== null) await becomesTrue(async () => (await startMark(pid)) === null, { timeoutMs: 30_000 });
    gone = true;
  });
  shell.unref();
  lifeline.unref();
  return {
    pid,
    ended,
    hasEnded: () => gone,
    async stop() {
      shell.ref();
      lifeline.end();
      await ended;
    },
  };
}

async function readPid(pipe: Socket): Promise<number> {
  let text = '';
  pipe.setEncoding('utf8');
  pipe.on('data', (chunk: string) => {
    text += chunk;
  });
  await once(pipe, 'end');
  pipe.destroy();
  const pid = Number.parseInt(text, 10);
  if (Number.isNaN(pid)) throw new Error('the supervising shell told no pid');
  return pid;
}

function ignore(): void {
  // Reported through another path.
}
