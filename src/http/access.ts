import type { Type } from '@nestjs/common';
import { METHOD_METADATA } from '@nestjs/common/constants.js';
import { RouteConfig } from '@nestjs/platform-fastify';
import { FASTIFY_ROUTE_CONFIG_METADATA } from '@nestjs/platform-fastify/constants.js';
import { ApiSecurity } from '@nestjs/swagger';
import type { FastifyContextConfig } from 'fastify';

import type { Access as AccessLevel } from './authentication.js';
import { type DeclaredInput, declaredInput } from './declared-input.js';
import { Problems } from './openapi.js';

/** What a route under /v1 says of itself, for a controller's route `@Access`. */
export interface RouteDeclaration {
  readonly access: AccessLevel;
  /** what it takes; called when the route is added */
  readonly input: () => DeclaredInput;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** without it a route under /v1 does not start */
    declaration?: RouteDeclaration;
  }
}

/**
 * Says who may call a controller's routes: `public`, `buyer`, `signature` (who knows the secret), or the least role of an administrator (`viewer`, `operator`,
 * `admin`). On a method it wins over what the class says. Every route under /v1 needs it, or the application does not start.
 */
export function Access(access: AccessLevel): ClassDecorator & MethodDecorator {
  const decorator = (target: object, method?: string | symbol): void => {
    if (method !== undefined) {
      declare(target, method, access);
      return;
    }
    const prototype = (target as Type).prototype as object;
    for (const name of Reflect.ownKeys(prototype)) {
      const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
      const handler: unknown = descriptor?.value;
      if (
        typeof handler === 'function' &&
        Reflect.hasMetadata(METHOD_METADATA, handler) &&
        configOf(handler).declaration === undefined
      ) {
        declare(prototype, name, access);
      }
    }
  };
  return decorator;
}

function configOf(handler: object): FastifyContextConfig {
  return (Reflect.getMetadata(FASTIFY_ROUTE_CONFIG_METADATA, handler) ?? {}) as FastifyContextConfig;
}

function declare(prototype: object, method: string | symbol, access: AccessLevel): void {
  const descriptor = Object.getOwnPropertyDescriptor(prototype, method);
  if (descriptor === undefined) return;
  const declaration: RouteDeclaration = {
    access,
    input: () => declaredInput(prototype.constructor as Type, String(method)),
  };
  const apply = (decorator: MethodDecorator): void => {
    decorator(prototype, method, descriptor);
  };
  apply(RouteConfig({ ...configOf(descriptor.value as object), declaration }));
  apply(Problems('rate_limited', 'overloaded'));
  if (access === 'public') {
    apply(Problems('validation_failed', 'unavailable'));
  } else if (access === 'buyer') {
    apply(ApiSecurity('buyer'));
    apply(Problems('validation_failed', 'unauthenticated', 'unavailable'));
  } else if (access === 'signature') {
    apply(ApiSecurity('signature'));
    apply(Problems('validation_failed', 'unauthenticated', 'unavailable'));
  } else {
    apply(ApiSecurity('admin'));
    apply(Problems('validation_failed', 'unauthenticated', 'forbidden', 'unavailable'));
  }
}
