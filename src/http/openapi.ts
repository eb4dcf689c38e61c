import type { INestApplication, Type } from '@nestjs/common';
import { ApiResponse, DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import type { FastifyInstance } from 'fastify';

import type { ErrorCode } from '../domain/index.js';
import { problemKinds, problemMediaType } from './problem.js';

const problemsKey = Symbol('sluice:problems');

/** Documents the refusals that a route may answer with. Repeats add up: Swagger joins what one status is given. */
export function Problems(...codes: readonly ErrorCode[]): MethodDecorator {
  return (target, method, descriptor) => {
    const handler = descriptor.value as object;
    const known = (Reflect.getMetadata(problemsKey, handler) ?? []) as readonly ErrorCode[];
    const added = codes.filter((code) => !known.includes(code));
    Reflect.defineMetadata(problemsKey, [...known, ...added], handler);
    for (const code of added) {
      ApiResponse({ status: problemKinds[code].status, ...problemAnswer(code) })(target, method, descriptor);
    }
  };
}

type OperationObject = NonNullable<OpenAPIObject['paths'][string]['get']>;

/** How a route that is no controller's is documented. */
export interface Operation {
  readonly object: OperationObject;
  /** the DTOs that it refers to */
  readonly models: readonly Type[];
}

declare module 'fastify' {
  interface FastifyContextConfig {
    operation?: Operation;
  }
}

/** The documented operations of an application by method and path, added with their routes. */
const operations = new WeakMap<FastifyInstance, Map<string, Operation>>();

/** Documents the routes that say how in their `config.operation`. */
export function documentRoutes(instance: FastifyInstance): void {
  const documented = new Map<string, Operation>();
  operations.set(instance, documented);
  instance.addHook('onRoute', ({ method, url, config }) => {
    if (config?.operation !== undefined && method !== 'HEAD')
      documented.set(`${String(method)} ${url}`, config.operation);
  });
}

/** What `Problems` documents, for a route that is no controller's. */
export function problemAnswers(...codes: readonly ErrorCode[]): OperationObject['responses'] {
  const answers: Record<string, ReturnType<typeof problemAnswer>> = {};
  for (const code of codes) {
    const answer = problemAnswer(code);
    const known = answers[problemKinds[code].status];
    answers[problemKinds[code].status] =
      known === undefined ? answer : { ...answer, description: `${known.description}\n\n${answer.description}` };
  }
  return answers;
}

/**
 * The JSON Schema that the document has for a DTO, for a route that compiles it: with what it refers to in place, and closed to fields that it does not
 * name.
 */
export function schemaOf(app: INestApplication, dto: Type): object {
  const { components } = SwaggerModule.createDocument(app, new DocumentBuilder().build(), {
    include: [dto], // no module: this is about the DTO alone
    extraModels: [dto],
  });
  const inPlace = (name: string): object =>
    JSON.parse(JSON.stringify(components?.schemas?.[name]), (_, value: { $ref?: string; properties?: object }) => {
      if (typeof value.$ref === 'string') return inPlace(value.$ref.replace(/^.*\//, ''));
      return value.properties === undefined ? value : { ...value, additionalProperties: false };
    }) as object;
  return inPlace(dto.name);
}

function problemAnswer(code: ErrorCode): {
  description: string;
  content: Record<string, { schema: { $ref: string } }>;
} {
  return {
    description: `\`${code}\``,
    content: { [problemMediaType]: { schema: { $ref: '#/components/schemas/Problem' } } },
  };
}

/** What a refusal by a limit says; `RateLimit` and its policy stand on every answer that a limit has counted. */
const limitHeaders = {
  'Retry-After': { description: 'seconds', schema: { type: 'integer' } },
  RateLimit: { description: 'tokens left, and seconds until there is one more', schema: { type: 'string' } },
  'RateLimit-Policy': { description: 'the limits: tokens, and seconds of their window', schema: { type: 'string' } },
  'X-RateLimit-Type': {
    description: 'what refused, and whether this node knew it by itself',
    schema: { type: 'string', enum: ['local-ip', 'ip', 'local-buyer', 'buyer'] },
  },
};

/** A body may come where none is wanted, so every route can refuse one: `routes.ts` does. GET reads none. */
function documentBodies({ paths }: OpenAPIObject): void {
  for (const [path, item] of Object.entries(paths)) {
    if (!path.startsWith('/v1/')) continue;
    for (const method of ['get', 'post', 'put', 'patch', 'delete'] as const) {
      const responses = item[method]?.responses;
      if (responses === undefined) continue;
      if (responses['429'] !== undefined) Object.assign(responses['429'], { headers: limitHeaders });
      responses['413'] ??= problemAnswer('payload_too_large');
      if (method !== 'get') responses['415'] ??= problemAnswer('unsupported_media_type');
    }
  }
}

const problemSchema = {
  type: 'object',
  description:
    'RFC 9457. What else a code says is a member beside these: `ticketTypeIds` of sold_out, `left` of limit_exceeded.',
  required: ['type', 'title', 'status', 'code', 'detail', 'instance'],
  properties: {
    type: { type: 'string', format: 'uri' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string', enum: Object.keys(problemKinds) },
    detail: { type: 'string' },
    instance: { type: 'string', description: 'the path that was asked' },
    requestId: { type: 'string' },
    errors: {
      type: 'array',
      description: 'what is wrong, field by field',
      items: {
        type: 'object',
        required: ['path', 'message'],
        properties: { path: { type: 'string' }, message: { type: 'string' } },
      },
    },
    ticketTypeIds: { type: 'array', items: { type: 'string', format: 'uuid' } },
    left: { type: 'integer' },
  },
};

/** The API's OpenAPI 3.1 document. The order of its names is fixed, so that a stored copy differs only where it differs. */
export function openApiDocument(app: INestApplication): OpenAPIObject {
  const description = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Sluice')
    .setDescription('Ticket sales that never oversell.')
    .setVersion('1')
    .addSecurity('buyer', {
      type: 'http',
      scheme: 'bearer',
      bearerFormat: 'JWT',
      description: 'a JWT whose `sub` is the buyer',
    })
    .addSecurity('admin', { type: 'http', scheme: 'bearer', description: "an administrator's key" })
    .addSecurity('signature', {
      type: 'apiKey',
      in: 'header',
      name: 'Sluice-Signature',
      description: '`t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`, at most 5 minutes old',
    })
    .build();
  const documented =
    operations.get(app.getHttpAdapter().getInstance() as FastifyInstance) ?? new Map<string, Operation>();
  const document = SwaggerModule.createDocument(app, description, {
    extraModels: [...documented.values()].flatMap(({ models }) => models),
    operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '')}.${method}`,
  });
  for (const [route, { object }] of documented) {
    const [method = '', url = ''] = route.split(' ');
    const path = url.replace(/:(\w+)/g, '{$1}');
    document.paths[path] = { ...document.paths[path], [method.toLowerCase()]: object };
  }
  documentBodies(document);
  document.components = {
    ...document.components,
    schemas: { ...document.components?.schemas, Problem: problemSchema },
  };
  return sorted(document) as OpenAPIObject;
}

/** Serves the document at `/docs/openapi.json`, and a page to read it at `/docs`. Nothing is loaded from elsewhere. */
export function serveDocs(app: INestApplication): void {
  SwaggerModule.setup('docs', app, () => openApiDocument(app), {
    jsonDocumentUrl: 'docs/openapi.json',
    raw: ['json'],
    customSiteTitle: 'Sluice API',
    swaggerOptions: { tagsSorter: 'alpha' },
  });
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, field]) => field !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, field]) => [name, sorted(field)]));
}
