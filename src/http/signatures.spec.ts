import { createHmac } from 'node:crypto';

import { describe, expect, test } from '@jest/globals';

import { bodyCheck } from './signatures.js';

const body = Buffer.from('{"a":1}');
const sign = (t: number | string, secret = 'secret') =>
  createHmac('sha256', secret).update(`${t}.`).update(body).digest('hex');
const nowSeconds = 1_700_000_000;

function isTaken(header: string | string[] | undefined, bytes = body): boolean {
  try {
    bodyCheck(header, 'secret', nowSeconds)(bytes);
    return true;
  } catch {
    return false;
  }
}

describe('bodyCheck', () => {
  test.each([
    ['is of this second', nowSeconds, true],
    ['is five minutes old', nowSeconds - 300, true],
    ['is older than five minutes', nowSeconds - 301, false],
    ['comes five minutes from the future', nowSeconds + 300, true],
    ['comes from further in the future', nowSeconds + 301, false],
  ])('when a good signature %s (%d), then it is taken: %s', (_, t, taken) => {
    expect(isTaken(`t=${t},v1=${sign(t)}`)).toBe(taken);
  });

  test('when one of several signatures is good, then it is taken', () => {
    expect(isTaken(`t=${nowSeconds}, v0=abc, v1=${sign(nowSeconds, 'old')}, v1=${sign(nowSeconds)}`)).toBe(true);
    expect(isTaken(`t=${nowSeconds},v1=${sign(nowSeconds).toUpperCase()}`)).toBe(true);
  });

  test.each([
    ['there is none', undefined],
    ['it came twice', [`t=${nowSeconds},v1=${sign(nowSeconds)}`, 'x']],
    ['it is empty', ''],
    ['the time is missing', `v1=${sign(nowSeconds)}`],
    ['there are two times', `t=${nowSeconds},t=${nowSeconds},v1=${sign(nowSeconds)}`],
    ['the time is no number', `t=1e9,v1=${sign('1e9')}`],
    ['the time is another', `t=${nowSeconds + 1},v1=${sign(nowSeconds)}`],
    ['the secret is another', `t=${nowSeconds},v1=${sign(nowSeconds, 'Secret')}`],
    ['the signature is cut off', `t=${nowSeconds},v1=${sign(nowSeconds).slice(2)}`],
    ['the signature is empty', `t=${nowSeconds},v1=`],
    ['it is under another name', `t=${nowSeconds},v0=${sign(nowSeconds)}`],
  ])('when %s, then it is refused', (_, header) => {
    expect(isTaken(header)).toBe(false);
  });

  test('when one byte of the body differs, then it is refused', () => {
    expect(isTaken(`t=${nowSeconds},v1=${sign(nowSeconds)}`, Buffer.from('{"a":2}'))).toBe(false);
  });
});
