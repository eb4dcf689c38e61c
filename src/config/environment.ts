import { ValidateBy, ValidateIf } from 'class-validator';

import {
  areTicketsPerToken,
  areTiers,
  isAddressBlock,
  isRateLimit,
  rateLimitForm,
  ticketsForm,
  tiersForm,
} from './rate-limits.js';

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export const roles = ['api', 'worker', 'reconciler'] as const;
export const adminRoles = ['admin', 'operator', 'viewer'] as const;

type Rule = (text: string) => boolean;

/** A variable whose text must satisfy the rule. The message never repeats the text: it may be a secret. */
function Is(expected: string, rule: Rule): PropertyDecorator {
  return ValidateBy({
    name: 'environment',
    validator: {
      validate: (value) => typeof value === 'string' && rule(value),
      defaultMessage: (args) =>
        `${String(args?.property)} ${args?.value === undefined ? 'is required:' : 'must be'} ${expected}`,
    },
  });
}

/** A variable that may be left out. */
function Optional(): PropertyDecorator {
  return ValidateIf((_, value) => value !== undefined);
}

function integerBetween(min: number, max: number): Rule {
  return (text) => /^\d{1,9}$/.test(text) && Number(text) >= min && Number(text) <= max;
}

function orOff(rule: Rule): Rule {
  return (text) => text === 'off' || rule(text);
}

function isUrl(text: string, protocols: readonly string[]): boolean {
  return URL.canParse(text) && protocols.includes(new URL(text).protocol);
}

/** As a browser sends it. `*` is none: who may call is written down. */
function isOrigin(text: string): boolean {
  return isUrl(text, ['http:', 'https:']) && new URL(text).origin === text;
}

/** The parts of a list in a variable: separated by commas, blanks around them do not count. */
export function listed(text: string): string[] {
  return text.split(',').map((part) => part.trim());
}

function areRedisUrls(text: string): boolean {
  const urls = listed(text);
  const wellFormed = urls.every((url) => isUrl(url, ['redis:', 'rediss:']) && new URL(url).hostname !== '');
  if (!wellFormed || urls.length === 1) return wellFormed;
  const [first, ...others] = urls.map((url) => new URL(url));
  return (
    others.every((url) => url.protocol === first?.protocol) &&
    urls.every((url) => /^\/?0?$/.test(new URL(url).pathname))
  );
}

const adminKeyPattern =
  /^[\w.-]{1,64}:(?:(?:(?:admin|operator|viewer):)?[\x21-\x2b\x2d-\x39\x3b-\x7e]{24,}|(?:admin|operator|viewer):sha256:[0-9a-f]{64})$/i;

function areRoles(text: string): boolean {
  return listed(text).every((part) => (roles as readonly string[]).includes(part));
}

/** The environment as it is written: what each variable of the contract's section 3 must look like. */
export class Environment {
  @Is('an integer from 0 to 65535', integerBetween(0, 65_535))
  PORT = '3000';

  @Is('a host name or an IP address', (text) => /^[\w.:%-]{1,255}$/.test(text))
  HOST = '127.0.0.1';

  @Is(`one or more of ${roles.join(', ')}, separated by commas`, areRoles)
  ROLES: string = roles.join(',');

  @Is('a URL that begins with postgres:// or postgresql://', (text) => isUrl(text, ['postgres:', 'postgresql:']))
  DATABASE_URL?: string;

  @Is(
    'a URL that begins with redis:// or rediss:// (several, separated by commas, for a Redis Cluster: one protocol, database 0)',
    areRedisUrls,
  )
  REDIS_URL?: string;

  @Is('server, aof, or replica:N with N from 1 to 9', (text) => /^(server|aof|replica:[1-9])$/.test(text))
  REDIS_DURABILITY = 'server';

  @Is(
    'one or more of name:key, name:role:key and name:role:sha256:HEX, separated by commas; ' +
      'a key has 24 characters or more and no colon, a role is admin, operator or viewer',
    (text) => listed(text).every((part) => adminKeyPattern.test(part)),
  )
  ADMIN_API_KEYS?: string;

  @Optional()
  @Is('32 bytes or longer', (text) => Buffer.byteLength(text) >= 32)
  BUYER_JWT_SECRET?: string;

  @Optional()
  @Is('a URL that begins with http:// or https://', (text) => isUrl(text, ['http:', 'https:']))
  BUYER_JWKS_URL?: string;

  BUYER_JWT_AUDIENCE?: string;

  BUYER_JWT_ISSUER?: string;

  @Is('an integer from 1 to 64', integerBetween(1, 64))
  API_PROCESSES = '1';

  @Is('an integer from 1 to 999999999, or off', orOff(integerBetween(1, 999_999_999)))
  QUEUE_MAX_ORDERS = '1000000';

  @Is('an integer from 100 to 999999999, or off', orOff(integerBetween(100, 999_999_999)))
  QUEUE_MAX_LAG_MS = '30000';
  @Is(
    'origins such as https://shop.example, separated by commas, without a path',
    (text) => text === '' || listed(text).every(isOrigin),
  )
  CORS_ORIGINS = '';

  @Is('on or off', (text) => /^(on|off)$/.test(text))
  GUEST_SESSIONS = 'off';

  PAYMENT_WEBHOOK_SECRET?: string;
  @Optional()
  @Is(rateLimitForm, isRateLimit)
  RATE_LIMIT_IP?: string;

  @Optional()
  @Is(rateLimitForm, isRateLimit)
  RATE_LIMIT_BUYER?: string;

  @Optional()
  @Is(rateLimitForm, isRateLimit)
  RATE_LIMIT_GLOBAL?: string;

  @Optional()
  @Is(tiersForm, areTiers)
  RATE_LIMIT_BUYER_TIERS?: string;

  @Optional()
  @Is(ticketsForm, areTicketsPerToken)
  RATE_LIMIT_TICKETS_PER_TOKEN?: string;

  RATE_LIMITS_FILE?: string;

  @Is('open or closed', (text) => text === 'open' || text === 'closed')
  RATE_LIMIT_FAILURE_MODE = 'open';

  @Is(
    'off, or addresses and CIDR blocks, separated by commas',
    (text) => text === 'off' || listed(text).every(isAddressBlock),
  )
  TRUST_PROXY = 'off';

  @Is('an integer from 100 to 60000', integerBetween(100, 60_000))
  RECONCILE_INTERVAL_MS = '1000';

  @Optional()
  @Is('a URL that begins with http:// or https://', (text) => isUrl(text, ['http:', 'https:']))
  OTEL_EXPORTER_OTLP_ENDPOINT?: string;

  @Is('a number from 0 to 1', (text) => /^(0(\.\d{1,9})?|1(\.0{1,9})?)$/.test(text))
  OTEL_TRACES_SAMPLER_ARG = '1';

  @Is('on or off', (text) => /^(on|off)$/.test(text))
  DATABASE_PREPARED_STATEMENTS = 'on';

  @Is('an integer from 1 to 36500, or off', orOff(integerBetween(1, 36_500)))
  RETENTION_DAYS = 'off';

  @Is('an integer from 0 to 5000', integerBetween(0, 5000))
  SHUTDOWN_DRAIN_MS = '0';

  @Is(`one of ${logLevels.join(', ')}`, (text) => (logLevels as readonly string[]).includes(text))
  LOG_LEVEL = 'info';
}
