import { isUtf8 } from 'node:buffer';

import type { FastifyInstance, FastifyRequest } from 'fastify';

import { DomainError, invalidField } from '../domain/index.js';
import { refuse } from './refusal.js';

const maxDepth = 16;
/** Bounds what the pattern below has to try. */
const maxTypeLength = 100;
const jsonType = /^application\/json\s*(?:;\s*charset="?utf-8"?\s*)?;?\s*$/i;

type Done = (error: Error | null, body?: unknown) => void;

/**
 * Makes `application/json` in UTF-8 the only body that is read. An empty body is undefined. Refuses what is not UTF-8, not
 * JSON, or would poison a prototype, and what later rooms could not store: see `storageFault`.
 * A body of another type is read up to the limit first, so that "too large" comes before "not JSON".
 */
export function acceptJsonOnly(instance: FastifyInstance): void {
  const parse = instance.getDefaultJsonParser('error', 'error');
  instance.removeAllContentTypeParsers();
  const read = (request: FastifyRequest, bytes: Buffer, done: Done): void => {
    let text: string | undefined;
    try {
      text = textOf(request, bytes);
    } catch (refusal) {
      done(refusal as Error);
      return;
    }
    if (text === undefined) done(null, undefined);
    else
      void parse(request, text, (error, body: unknown) => {
        const refusal = error === null ? storageFault(body) : refuse('malformed_json');
        done(refusal ?? null, body);
      });
  };
  instance.addContentTypeParser(['application/json', '*'], { parseAs: 'buffer' }, read);
}

/**
 * The text of a body, undefined for an empty one.
 * @throws DomainError unauthenticated where it had to be signed and is not, unsupported_media_type, malformed_json
 */
function textOf(request: FastifyRequest, bytes: Buffer): string | undefined {
  request.bodyCheck?.(bytes);
  request.bodyCheck = null;
  if (bytes.length === 0) return undefined;
  if (!isPlainJson(request)) throw refuse('unsupported_media_type');
  if (!isUtf8(bytes)) throw new DomainError('malformed_json', 'The body is not valid UTF-8.');
  return bytes.toString();
}

function isPlainJson({ headers }: FastifyRequest): boolean {
  const type = headers['content-type'] ?? '';
  const encoding = headers['content-encoding'];
  return (
    (type === 'application/json' || (type.length <= maxTypeLength && jsonType.test(type))) &&
    (encoding === undefined || encoding === 'identity')
  );
}

/**
 * The refusal of a value with a text or name that PostgreSQL's jsonb cannot hold (U+0000, lone surrogates), with a number that
 * JSON cannot hold (1e400), or nested more than 16 levels deep; undefined: it may pass.
 */
function storageFault(value: unknown): DomainError | undefined {
  const fault = faultIn(value, 1);
  return fault && invalidField(fault.path.replace(/^\./, ''), fault.message);
}

interface Fault {
  readonly path: string;
  readonly message: string;
}

function faultIn(value: unknown, depth: number): Fault | undefined {
  if (typeof value === 'string') return isStorableText(value) ? undefined : { path: '', message: unstorable };
  if (typeof value === 'number')
    return Number.isFinite(value) ? undefined : { path: '', message: 'is too large a number' };
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth > maxDepth) return { path: '', message: `must not be nested more than ${String(maxDepth)} levels deep` };

  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const fault = faultIn(value[index], depth + 1);
      if (fault !== undefined) return { path: `[${String(index)}]${fault.path}`, message: fault.message };
    }
    return undefined;
  }
  for (const name of Object.keys(value)) {
    if (!isStorableText(name)) return { path: '', message: `has a name that ${unstorable}` };
    const fault = faultIn((value as Record<string, unknown>)[name], depth + 1);
    if (fault !== undefined) return { path: `.${name.slice(0, 100)}${fault.path}`, message: fault.message };
  }
  return undefined;
}

const unstorable = 'must not contain U+0000 or lone surrogates';

/** Whether the text is well-formed Unicode without U+0000. */
export function isStorableText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}
