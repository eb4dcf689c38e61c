import type { ComponentChildren, JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { announce } from '../shared/announcer.js';
import { serverSecond } from '../shared/clock.js';
import { duration } from '../shared/language.js';
import type { Waiting } from '../shared/patience.js';
import { words } from './words/index.js';

/** Says why a request waits and when it goes on, which it does by itself. */
export function WaitingNotice({ waiting, children }: { waiting: Waiting; children?: ComponentChildren }): JSX.Element {
  const { waits, refusals, nextTry, tryingNow } = words.value;
  const { code, untilMs } = waiting;
  const why = code in waits ? waits[code as keyof typeof waits] : refusals[code];
  useEffect(() => {
    announce(why);
  }, [why]);
  const leftMs = untilMs - serverSecond.value;
  return (
    <div class="notice">
      <p>{why}</p>
      <p>
        <strong>{leftMs > 0 ? nextTry(duration(leftMs)) : tryingNow}</strong>
      </p>
      {children}
    </div>
  );
}
