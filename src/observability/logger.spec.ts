import { describe, expect, test } from '@jest/globals';

import { createLogger, type Logger, NestLogger, requestIdFrom } from './index.js';

function capture(write: (logger: Logger) => void): { text: string; line: Record<string, unknown> } {
  let text = '';
  write(createLogger('trace', { write: (line) => (text += line) }));
  return { text, line: JSON.parse(text) as Record<string, unknown> };
}

const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl';

describe('createLogger', () => {
  test('when a request is logged, then nothing secret or personal comes out', () => {
    const { text, line } = capture((logger) => {
      logger.info(
        {
          headers: { Authorization: `Bearer ${jwt}`, 'idempotency-key': 'hidden-1', accept: '*/*' },
          order: { answers: { email: 'hidden-2' }, quantity: 2 },
          url: 'redis://user:hidden-3@host:6379',
        },
        'from a@b.example with Bearer %s',
        jwt,
      );
    });
    expect(text).not.toMatch(/hidden-|eyJ|a@b\.example/);
    expect(line).toMatchObject({ level: 'info', headers: { accept: '*/*' }, order: { quantity: 2 } });
  });

  test('when a driver hangs its arguments on an error, then only message, code, stack and cause are logged', () => {
    const error = Object.assign(new Error('mail a@b.example', { cause: new Error(`token ${jwt}`) }), {
      code: '23505',
      command: { name: 'evalsha', args: ['hidden'] },
    });
    for (const write of [
      (logger: Logger) => {
        logger.error(error);
      },
      (logger: Logger) => {
        logger.error({ err: error });
      },
      (logger: Logger) => {
        logger.error({ err: error }, 'failed');
      },
    ]) {
      const { text, line } = capture(write);
      expect(text).not.toMatch(/hidden|eyJ|a@b\.example/);
      expect(line).toMatchObject({ err: { type: 'Error', code: '23505', message: 'mail [redacted]' } });
    }
  });

  test('when the level is higher than the line, then nothing is written', () => {
    let text = '';
    createLogger('error', { write: (line) => (text += line) }).info('quiet');
    expect(text).toBe('');
  });
});

describe('NestLogger', () => {
  test('when Nest logs an error with a stack, then both and the context are kept', () => {
    const { line } = capture((logger) => {
      new NestLogger(logger).error('broken', 'Error: broken\n at x', 'Router');
    });
    expect(line).toMatchObject({ level: 'error', msg: 'broken', stack: 'Error: broken\n at x', context: 'Router' });
  });

  test('when Nest tells of its routes, then it is for developers only', () => {
    expect(
      capture((logger) => {
        new NestLogger(logger).log('Mapped', 'RouterExplorer');
      }).line,
    ).toMatchObject({ level: 'debug' });
  });
});

describe('requestIdFrom', () => {
  test('when a request brings a fit id, then it is kept', () => {
    expect(requestIdFrom('req-1:a.b_c')).toBe('req-1:a.b_c');
  });

  test.each([undefined, '', 'a b', 'x'.repeat(129), 'a@b.example', ['a', 'b']])(
    'when it brings %p, then it gets a new one',
    (header) => {
      expect(requestIdFrom(header)).toMatch(/^[0-9a-f-]{36}$/);
    },
  );
});
