import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

interface Operation {
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>
  >;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components?: object;
}

interface Route {
  readonly pattern: RegExp;
  readonly operations: Readonly<Record<string, Operation>>;
}

/** What `docs/openapi.json` promises. Every answer that a test gets is held against it. */
export class OpenApiContract {
  private readonly ajv = new Ajv2020({ strict: false, allErrors: true });
  private readonly routes: Route[];
  private readonly validators = new Map<object, ValidateFunction>();

  constructor(private readonly document: Document) {
    addFormats.default(this.ajv);
    this.routes = Object.entries(document.paths)
      .map(([path, operations]) => ({
        pattern: new RegExp(`^${path.replace(/\{[^}]+\}/g, '[^/]+')}$`),
        operations,
      }))
      // a path without parameters wins
      .sort((a, b) => Number(a.pattern.source.includes('[^/]+')) - Number(b.pattern.source.includes('[^/]+')));
  }

  /** @throws Error where the answer is not documented. Paths that are not in the document must answer with a problem. */
  check(method: string, path: string, answer: { status: number; contentType: string; body: unknown }): void {
    const { status, contentType, body } = answer;
    const where = `${method} ${path} → ${status}`;
    const operation = this.routes.find(({ pattern }) => pattern.test(path))?.operations[method.toLowerCase()];
    if (operation === undefined) {
      if (status < 400) throw new Error(`${where}: not in the document`);
      this.validate(where, { $ref: '#/components/schemas/Problem' }, body);
      return;
    }
    const response = operation.responses[String(status)];
    if (response === undefined) throw new Error(`${where}: status not documented: ${JSON.stringify(body)}`);
    if (response.content === undefined) {
      if (body !== undefined) throw new Error(`${where}: has a body, none is documented`);
      return;
    }
    const media = response.content[contentType.replace(/;.*$/, '')];
    if (media === undefined) throw new Error(`${where}: ${contentType} is not documented`);
    this.validate(where, media.schema, body);
  }

  private validate(where: string, schema: object, body: unknown): void {
    let validate = this.validators.get(schema);
    if (validate === undefined) {
      validate = this.ajv.compile({ ...schema, components: this.document.components });
      this.validators.set(schema, validate);
    }
    if (!validate(body)) throw new Error(`${where}: ${this.ajv.errorsText(validate.errors)}: ${JSON.stringify(body)}`);
  }
}
