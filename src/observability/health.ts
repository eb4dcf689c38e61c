import { Injectable } from '@nestjs/common';

const deadlineMs = 1000;

/** A server that this process cannot do without. */
export interface HealthCheck {
  /** what the report calls it, such as `redis` */
  readonly name: string;
  /** Resolves when the server answers; rejects, or does not settle, when it does not. */
  check(): Promise<void>;
}

interface HealthReport {
  readonly status: 'ok' | 'unavailable';
  readonly checks: Readonly<Record<string, { readonly status: 'up' | 'down' }>>;
}

/** The servers behind this process. A platform module adds its own when it starts. */
@Injectable()
export class HealthChecks {
  private readonly checks: HealthCheck[] = [];

  add(check: HealthCheck): void {
    this.checks.push(check);
  }

  /** Asks all of them at once; one that has not answered within a second is down. Never rejects, never says why. */
  async report(): Promise<HealthReport> {
    const results = await Promise.all(
      this.checks.map(async (check) => [check.name, { status: (await isUp(check)) ? 'up' : 'down' }] as const),
    );
    const allUp = results.every(([, { status }]) => status === 'up');
    return { status: allUp ? 'ok' : 'unavailable', checks: Object.fromEntries(results) };
  }
}

async function isUp(check: HealthCheck): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, deadlineMs, false);
  });
  try {
    return await Promise.race([check.check().then(() => true), deadline]);
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}
