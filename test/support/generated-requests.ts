import { readFileSync } from 'node:fs';
import type { Random } from '../chaos/surge/random.js';

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly pattern?: string;
}

interface Operation {
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: 'path' | 'query' | 'header';
    readonly required?: boolean;
    readonly schema: Schema;
  }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

export interface GeneratedRequest {
  readonly method: string;
  /** with its query */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** as it is sent; undefined: none */
  readonly body: string | undefined;
}

/** Texts that something behind might take for more than a text. */
const nasty = [
  '',
  '\0',
  '\ud800',
  '__proto__',
  'constructor',
  "'; DROP TABLE orders; --",
  '{x}:*',
  '../../etc/passwd',
  '%00',
  '🎟'.repeat(100),
  'a'.repeat(5000),
  '1e400',
  'NaN',
  '\r\nX-Injected: 1',
];
const nastyValues: readonly unknown[] = [null, true, [], {}, -1, 0, 1.5, 2 ** 53, 1e308, ...nasty, [[[[]]]]];

/** What matters most comes so many times as often as any other route. */
const purchases = '/v1/sales/{saleId}/orders';
const purchaseShare = 5;

/** Requests made from docs/openapi.json: mostly valid ones, and such that are broken in one place. The same seed gives the same. */
export class RequestGenerator {
  private readonly document = JSON.parse(
    readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8'),
  ) as Document;
  private readonly operations = Object.entries(this.document.paths).flatMap(([path, item]) =>
    Object.entries(item).flatMap(([method, operation]) =>
      Array.from({ length: method === 'post' && path === purchases ? purchaseShare : 1 }, () => ({
        method: method.toUpperCase(),
        path,
        operation,
      })),
    ),
  );
  private next = 0;

  /**
   * @param ids real ids, of which some are used, by the name of the field or parameter; may grow
   */
  constructor(
    private readonly random: Random,
    private readonly ids: Readonly<Record<string, string[]>>,
  ) {}

  get routes(): number {
    return new Set(this.operations.map(({ operation }) => operation)).size;
  }

  /** One request; every route comes in turn. */
  request(): GeneratedRequest {
    const { method, path, operation } = this.operations[this.next++ % this.operations.length] ?? this.never();
    const isBroken = this.random.chance(0.4);
    const query = new URLSearchParams();
    const headers: Record<string, string> = {};
    let target = path;
    for (const { name, in: where, required, schema } of operation.parameters ?? []) {
      const value = this.text(name, schema, isBroken && this.random.chance(0.3));
      if (where === 'path') target = target.replace(`{${name}}`, encodeURIComponent(sendable(value)));
      else if (required === true || this.random.chance(0.5)) {
        if (where === 'query') query.append(name, value);
        // what HTTP itself does not let through never leaves the client
        else if (/^[\x20-\x7e]+$/.test(value)) headers[name] = value;
      }
    }
    if (isBroken && this.random.chance(0.1)) query.append(sendable(this.random.pick(nasty)), 'x');
    const search = query.toString();
    const body = this.body(operation, isBroken);
    if (body !== undefined)
      headers['content-type'] = isBroken && this.random.chance(0.1) ? 'text/plain' : 'application/json';
    return { method, path: search === '' ? target : `${target}?${search}`, headers, body };
  }

  private body({ requestBody }: Operation, isBroken: boolean): string | undefined {
    if (requestBody === undefined) return isBroken && this.random.chance(0.2) ? '{"x":1}' : undefined;
    const schema = requestBody.content['application/json']?.schema;
    if (schema === undefined) return undefined;
    const text = JSON.stringify(this.value('', schema, isBroken ? 0.1 : 0));
    if (!isBroken || this.random.chance(0.8)) return text;
    return this.random.pick([
      '',
      '{',
      'null',
      '[]',
      text.slice(0, -1),
      `${'['.repeat(5000)}${']'.repeat(5000)}`,
      `{${Array.from({ length: 500 }, (_, i) => `"k${i}":${i}`).join(',')}}`,
      `{"name":${'9'.repeat(10_000)}}`,
      text.replace('{', '{"__proto__":{"x":1},'),
      'x'.repeat(20_000),
    ]);
  }

  private text(name: string, schema: Schema, isBroken: boolean): string {
    if (isBroken) return this.random.pick(nasty);
    if (name === 'wait') return this.random.pick(['0', '0', '1']); // longer ones only take long
    const value = this.value(name, schema, 0);
    return typeof value === 'string' ? value : JSON.stringify(value);
  }

  /** A value that fits the schema; each part of it is broken with the given probability. */
  private value(name: string, given: Schema, broken: number): unknown {
    const schema = this.resolve(given);
    if (this.random.chance(broken)) return this.random.pick(nastyValues);
    if (schema.enum !== undefined) return this.random.pick(schema.enum);
    const type = typeof schema.type === 'string' ? schema.type : schema.type?.[0];
    switch (type) {
      case 'integer':
      case 'number':
        return this.integer(schema.minimum ?? 0, schema.maximum ?? 1000);
      case 'boolean':
        return this.random.chance(0.5);
      case 'array':
        return Array.from({ length: this.integer(schema.minItems ?? 0, Math.min(schema.maxItems ?? 2, 2)) }, () =>
          this.value(name, schema.items ?? {}, broken),
        );
      case 'object':
        return this.object(schema, broken);
      default:
        return this.string(name, schema);
    }
  }

  private object(schema: Schema, broken: number): object {
    const entries = Object.entries(schema.properties ?? {})
      .filter(([name]) => schema.required?.includes(name) === true || this.random.chance(0.5))
      .filter(() => !this.random.chance(broken / 2))
      .map(([name, field]) => [name, this.value(name, field, broken)] as const);
    if (this.random.chance(broken)) entries.push([this.random.pick(nasty), 1]);
    return Object.fromEntries(entries);
  }

  private string(name: string, { format, pattern, minLength = 0, maxLength = 20 }: Schema): string {
    const known = this.ids[name] ?? [];
    if (known.length > 0 && this.random.chance(0.8)) return this.random.pick(known);
    if (format === 'uuid')
      return `01890000-0000-7000-8000-${this.random.integer(0, 999_999_999).toString().padStart(12, '0')}`;
    if (format === 'date-time') return new Date(Date.now() + this.random.integer(-1e9, 1e9)).toISOString();
    if (pattern === '^[A-Z]{3}$') return this.random.pick(['EUR', 'USD', 'JPY']);
    return 'x'.repeat(this.integer(Math.max(1, minLength), Math.max(1, Math.min(maxLength, 30))));
  }

  private integer(min: number, max: number): number {
    if (this.random.chance(0.1)) return this.random.pick([min, max]);
    return this.random.integer(min, Math.min(max, min + 10));
  }

  private resolve(schema: Schema): Schema {
    if (schema.$ref === undefined) return schema;
    return this.document.components.schemas[schema.$ref.replace(/^.*\//, '')] ?? this.never();
  }

  private never(): never {
    throw new Error('the document refers to what it does not have');
  }
}

/** As a URL can carry it: a lone surrogate has no bytes, and an empty part is another path. */
function sendable(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd') || ' ';
}
