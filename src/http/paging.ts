import { applyDecorators, type Type } from '@nestjs/common';
import { ApiExtraModels, ApiOkResponse, getSchemaPath } from '@nestjs/swagger';

import { isId } from '../domain/index.js';
import { QueryInteger, QueryText } from './properties.js';

/** The query of a list. A list with filters extends it. */
export class PageQuery {
  @QueryInteger({ min: 1, max: 200, default: 50, description: 'How many at the most' })
  limit = 50;

  /** the id of the last one of the page before, unpacked from the cursor */
  @QueryText({
    expected: 'a cursor as an answer gave it',
    read: unpackCursor,
    description: '`nextCursor` of the page before',
  })
  cursor?: string;
}

/** A page of a list, newest first. */
export interface Page<T> {
  readonly data: readonly T[];
  /** for the query of the next page; null: this is the last one */
  readonly nextCursor: string | null;
}

/**
 * A page of rows that were read with one more than the limit, so that the last page knows that it is.
 * @param idOf the id by which the rows are ordered
 */
export function page<Row>(rows: readonly Row[], limit: number, idOf: (row: Row) => string): Page<Row> {
  const data = rows.slice(0, limit);
  const last = data.at(-1);
  return { data, nextCursor: rows.length > limit && last !== undefined ? packCursor(idOf(last)) : null };
}

function packCursor(id: string): string {
  return Buffer.from(id).toString('base64url');
}

function unpackCursor(cursor: string): string | undefined {
  const id = Buffer.from(cursor, 'base64url').toString();
  return isId(id) && packCursor(id) === cursor ? id : undefined;
}

/**
 * Documents an answer that is a page of the given items.
 * @param otherwise media types that the route answers with as well, where it is asked for them
 */
export function PageAnswer(
  item: Type,
  description: string,
  otherwise: Readonly<Record<string, { schema: { type: string } }>> = {},
): MethodDecorator {
  return applyDecorators(
    ApiExtraModels(item),
    ApiOkResponse({
      description,
      content: {
        'application/json': {
          schema: {
            type: 'object',
            required: ['data', 'nextCursor'],
            properties: {
              data: { type: 'array', items: { $ref: getSchemaPath(item) } },
              nextCursor: { type: ['string', 'null'], description: 'null: this is the last page' },
            },
          },
        },
        ...otherwise,
      },
    }),
  );
}
