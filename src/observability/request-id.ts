import { newId } from './new-id.js';

const acceptable = /^[\w.:-]{1,128}$/;

/** The id that a request brought along (header `X-Request-Id`), or a new one where it brought none that is fit for a log. */
export function requestIdFrom(header: string | string[] | undefined): string {
  return typeof header === 'string' && acceptable.test(header) ? header : newId();
}
