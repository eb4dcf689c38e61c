import { Injectable } from '@nestjs/common';

const deadlineMs = 1000;
/** However many ask, the servers are asked once in this time. */
const freshMs = 200;

/** A server that this process cannot do without. */
export interface HealthCheck {
  /** what the report calls it, such as `redis` */
  readonly name: string;
  /**
   * Resolves when the server answers, with what an operator should know of its settings; rejects, or does not settle, when
   * it does not answer.
   */
  check(): Promise<readonly string[]>;
}

interface HealthReport {
  readonly status: 'ok' | 'unavailable';
  readonly checks: Readonly<Record<string, CheckReport>>;
}

interface CheckReport {
  readonly status: 'up' | 'down';
  /** settings that weaken what Sluice promises */
  readonly warnings?: readonly string[];
}

/** The servers behind this process. A platform module adds its own when it starts. */
@Injectable()
export class HealthChecks {
  private readonly checks: HealthCheck[] = [];
  private last: { readonly report: Promise<HealthReport>; readonly untilMs: number } | undefined;

  add(check: HealthCheck): void {
    this.checks.push(check);
  }

  /**
   * Asks all of them at once, or says what they answered a moment ago. One that has not answered within a second is
   * down. Never rejects, never says why.
   */
  report(): Promise<HealthReport> {
    const nowMs = performance.now();
    if (this.last === undefined || nowMs >= this.last.untilMs) {
      this.last = { report: this.ask(), untilMs: nowMs + freshMs };
    }
    return this.last.report;
  }

  private async ask(): Promise<HealthReport> {
    const results = await Promise.all(this.checks.map(async (check) => [check.name, await reportOf(check)] as const));
    const allUp = results.every(([, { status }]) => status === 'up');
    return { status: allUp ? 'ok' : 'unavailable', checks: Object.fromEntries(results) };
  }
}

async function reportOf(check: HealthCheck): Promise<CheckReport> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, deadlineMs, null);
  });
  try {
    const warnings = await Promise.race([check.check(), deadline]);
    if (warnings === null) return { status: 'down' };
    return warnings.length === 0 ? { status: 'up' } : { status: 'up', warnings };
  } catch {
    return { status: 'down' };
  } finally {
    clearTimeout(timer);
  }
}
