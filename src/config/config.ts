import { createHash } from 'node:crypto';

import { validateSync } from 'class-validator';

import { type adminRoles, Environment, listed, type logLevels, type roles } from './environment.js';
import {
  type RateLimits,
  RateLimitsFileError,
  type RateLimitTexts,
  readRateLimits,
  rateLimitTextsOf,
} from './rate-limits.js';
import { readSecretFiles } from './secret-files.js';

export type Role = (typeof roles)[number];
export type AdminRole = (typeof adminRoles)[number];
export type LogLevel = (typeof logLevels)[number];

/** One administrator's key. Only its digest is kept; one name may have several keys, so that they can be rotated. */
export interface AdminKey {
  readonly name: string;
  readonly role: AdminRole;
  /** SHA-256 of the key's UTF-8 bytes, 32 bytes */
  readonly sha256: Buffer;
}

/** How buyers' tokens are verified: with a shared HS256 secret, or with the public keys of a JWKS. */
export type BuyerTokenSource =
  { readonly kind: 'secret'; readonly secret: string } | { readonly kind: 'jwks'; readonly url: string };

/** What a purchase waits for before its 202: what the server's settings give, its disk, or so many replicas. */
export type DurabilityMode =
  { readonly kind: 'server' } | { readonly kind: 'aof' } | { readonly kind: 'replica'; readonly replicas: number };

/** Where spans go. */
export interface TracesConfig {
  /** of the collector's OTLP over HTTP, with its path */
  readonly url: string;
  /** the share of traces that begin here and are kept, 0 to 1; a client's own decision is kept to */
  readonly ratio: number;
}

/** All that the process was told by its environment, validated and frozen: `readConfig` makes it. */
export class Config {
  readonly port: number;
  readonly host: string;
  readonly roles: ReadonlySet<Role>;
  readonly databaseUrl: string;
  /** one: a single server; several: the first nodes to ask of a Redis Cluster */
  readonly redisUrls: readonly string[];
  readonly redisDurability: DurabilityMode;
  readonly adminKeys: readonly AdminKey[];
  readonly buyerTokens: BuyerTokenSource;
  /** the `aud` that a buyer's token must name; undefined: not checked */
  readonly buyerAudience: string | undefined;
  /** the `iss` that a buyer's token must have; undefined: not checked */
  readonly buyerIssuer: string | undefined;
  /** how many API processes share the port */
  readonly apiProcesses: number;
  /** orders in the outbox above which purchases are refused; Infinity: never */
  readonly queueMaxOrders: number;
  /** age of the outbox's oldest order above which purchases are refused; Infinity: never */
  readonly queueMaxLagMs: number;
  /** origins whose pages may call the API from a browser */
  readonly corsOrigins: readonly string[];
  /** whether anybody may become a buyer */
  readonly guestSessions: boolean;
  /** HMAC secret of the payment webhook; undefined: there is no webhook */
  readonly paymentWebhookSecret: string | undefined;
  /** the limits at the start */
  readonly rateLimits: RateLimits;
  /** whether requests are refused (`closed`) or limited by each node alone (`open`) while Redis cannot be asked */
  readonly rateLimitFailureMode: 'open' | 'closed';
  /** addresses and CIDR blocks of the proxies whose `X-Forwarded-For` counts; empty: nobody's */
  readonly trustProxy: readonly string[];
  readonly reconcileIntervalMs: number;
  /** false: behind a pooler that gives each transaction another connection, and does not know the statements of the last */
  readonly preparedStatements: boolean;
  /** days after which the orders of an archived sale are deleted; Infinity: never */
  readonly retentionDays: number;
  /** how long connections that are open stay served once the process is told to stop */
  readonly shutdownDrainMs: number;
  readonly logLevel: LogLevel;
  /** null: nothing is traced */
  readonly traces: TracesConfig | null;
  readonly #rateLimitTexts: RateLimitTexts;
  readonly #rateLimitsFile: string | undefined;

  /** @param valid an environment in which nothing is wrong */
  constructor(valid: Environment, rateLimits: RateLimits) {
    this.port = Number(valid.PORT);
    this.host = valid.HOST;
    this.roles = new Set(listed(valid.ROLES) as Role[]);
    this.databaseUrl = valid.DATABASE_URL ?? '';
    this.redisUrls = Object.freeze(listed(valid.REDIS_URL ?? ''));
    this.redisDurability = Object.freeze(durability(valid.REDIS_DURABILITY));
    this.adminKeys = Object.freeze(listed(valid.ADMIN_API_KEYS ?? '').map(adminKey));
    this.buyerTokens = Object.freeze(buyerTokens(valid));
    this.buyerAudience = valid.BUYER_JWT_AUDIENCE;
    this.buyerIssuer = valid.BUYER_JWT_ISSUER;
    this.apiProcesses = Number(valid.API_PROCESSES);
    this.queueMaxOrders = bound(valid.QUEUE_MAX_ORDERS);
    this.queueMaxLagMs = bound(valid.QUEUE_MAX_LAG_MS);
    this.corsOrigins = Object.freeze(valid.CORS_ORIGINS === '' ? [] : listed(valid.CORS_ORIGINS));
    this.guestSessions = valid.GUEST_SESSIONS === 'on';
    this.paymentWebhookSecret = valid.PAYMENT_WEBHOOK_SECRET;
    this.rateLimits = rateLimits;
    this.#rateLimitTexts = rateLimitTextsOf(valid);
    this.#rateLimitsFile = valid.RATE_LIMITS_FILE;
    this.rateLimitFailureMode = valid.RATE_LIMIT_FAILURE_MODE === 'closed' ? 'closed' : 'open';
    this.trustProxy = Object.freeze(valid.TRUST_PROXY === 'off' ? [] : listed(valid.TRUST_PROXY));
    this.reconcileIntervalMs = Number(valid.RECONCILE_INTERVAL_MS);
    this.preparedStatements = valid.DATABASE_PREPARED_STATEMENTS === 'on';
    this.retentionDays = bound(valid.RETENTION_DAYS);
    this.shutdownDrainMs = Number(valid.SHUTDOWN_DRAIN_MS);
    this.logLevel = valid.LOG_LEVEL as LogLevel;
    this.traces = traces(valid);
    Object.freeze(this);
  }

  /** The limits as their file, where there is one, has them now. @throws RateLimitsFileError */
  readRateLimits(): RateLimits {
    return readRateLimits(this.#rateLimitTexts, this.#rateLimitsFile);
  }
}

/** The environment is wrong. The message has a line for every wrong variable, and no variable's value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(readonly problems: readonly string[]) {
    super(`The environment is wrong:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
  }
}

/**
 * Reads the environment: the only place that does. An empty variable counts as not set. `NAME_FILE` names a file with a secret's text.
 * @throws ConfigError naming every variable that is wrong
 */
export function readConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  const environment = new Environment();
  const files = readSecretFiles(env);
  for (const name of Object.keys(environment) as (keyof Environment)[]) {
    const text = files.texts.get(name) ?? env[name];
    if (text !== undefined && text !== '') environment[name] = text;
  }

  const wrong = validateSync(environment).flatMap((error) => Object.values(error.constraints ?? {}));
  // what is wrong with its file is all there is to say of a secret
  const problems = [...wrong, ...contradictions(environment)].filter(
    (problem) => !files.unread.some((name) => problem.startsWith(name)),
  );
  problems.push(...files.problems);
  let rateLimits: RateLimits | undefined;
  try {
    rateLimits = readRateLimits(environment, environment.RATE_LIMITS_FILE);
  } catch (error) {
    if (!(error instanceof RateLimitsFileError)) throw error;
    problems.push(`RATE_LIMITS_FILE must be a good file: ${error.message}`);
  }
  if (problems.length > 0 || rateLimits === undefined) throw new ConfigError(problems);

  return new Config(environment, rateLimits);
}

/** The database alone, for a command that needs nothing else. @throws ConfigError */
export function readDatabaseUrl(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const { texts, problems } = readSecretFiles({
    DATABASE_URL: env.DATABASE_URL,
    DATABASE_URL_FILE: env.DATABASE_URL_FILE,
  });
  const url = texts.get('DATABASE_URL') ?? env.DATABASE_URL ?? '';
  if (problems.length > 0) throw new ConfigError(problems);
  if (url === '') throw new ConfigError(['DATABASE_URL is required']);
  return url;
}

/** What is wrong with variables taken together, each of them being well formed. */
function contradictions(environment: Environment): string[] {
  const { BUYER_JWT_SECRET: secret, BUYER_JWKS_URL: jwks, ADMIN_API_KEYS: keys } = environment;
  const found: string[] = [];
  if (environment.REDIS_DURABILITY !== 'server' && listed(environment.REDIS_URL ?? '').length > 1) {
    // WAIT speaks of one connection to one server; a Cluster's client has many
    found.push('REDIS_DURABILITY must be server with a Redis Cluster');
  }
  if (secret === undefined && jwks === undefined) found.push('BUYER_JWT_SECRET or BUYER_JWKS_URL is required');
  if (secret !== undefined && jwks !== undefined)
    found.push('BUYER_JWT_SECRET and BUYER_JWKS_URL must not both be set');
  if (environment.GUEST_SESSIONS === 'on' && jwks !== undefined) {
    // their tokens would have to be signed with a key that only the identity provider has
    found.push('GUEST_SESSIONS must be off with BUYER_JWKS_URL');
  }
  if (keys !== undefined) {
    const digests = listed(keys).map((part) => adminKey(part).sha256.toString('hex'));
    if (new Set(digests).size < digests.length) found.push('ADMIN_API_KEYS must not give one key twice');
  }
  return found;
}

function traces({
  OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
  OTEL_TRACES_SAMPLER_ARG: ratio,
}: Environment): TracesConfig | null {
  if (endpoint === undefined) return null;
  // OpenTelemetry's own rule: the endpoint is a base, whatever path it has
  return Object.freeze({ url: `${endpoint.replace(/\/$/, '')}/v1/traces`, ratio: Number(ratio) });
}

function bound(text: string): number {
  return text === 'off' ? Infinity : Number(text);
}

function durability(text: string): DurabilityMode {
  const [kind, replicas] = text.split(':');
  if (kind === 'replica') return { kind, replicas: Number(replicas) };
  return { kind: kind === 'aof' ? kind : 'server' };
}

function buyerTokens(environment: Environment): BuyerTokenSource {
  return environment.BUYER_JWKS_URL === undefined
    ? { kind: 'secret', secret: environment.BUYER_JWT_SECRET ?? '' }
    : { kind: 'jwks', url: environment.BUYER_JWKS_URL };
}

/** `name:key`, `name:role:key` or `name:role:sha256:HEX`. */
function adminKey(text: string): AdminKey {
  const [name = '', ...rest] = text.split(':');
  const secret = rest.at(-1) ?? '';
  const role = rest.length === 1 ? 'admin' : (rest[0]?.toLowerCase() as AdminRole);
  const sha256 = rest.length === 3 ? Buffer.from(secret, 'hex') : createHash('sha256').update(secret).digest();
  return Object.freeze({ name, role, sha256 });
}
