import { createServer, type Server } from 'node:http';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createSigner } from 'fast-jwt';
import { exportJWK, generateKeyPair, type GenerateKeyPairResult, SignJWT } from 'jose';

import { createTokenVerifier, type TokenVerifier } from './buyer-tokens.js';

const secret = 'a secret of thirty-two bytes or so';

async function outcome(verifier: TokenVerifier, token: string): Promise<string> {
  try {
    return (await verifier.verify(token)).id;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe('with a secret', () => {
  const verifier = createTokenVerifier({
    buyerTokens: { kind: 'secret', secret },
    buyerAudience: 'tickets',
    buyerIssuer: 'id.example',
  });
  const sign = (claims: object): string => createSigner({ key: secret, algorithm: 'HS256' })({ sub: 'a', ...claims });

  test('when audience and issuer are right, then the subject is the buyer', async () => {
    expect(await outcome(verifier, sign({ aud: ['other', 'tickets'], iss: 'id.example' }))).toBe('a');
  });

  test.each([
    ['a text', 'vip', 'vip'],
    ['no text', { toString: 'vip' }, undefined],
    ['not there', undefined, undefined],
  ])('when its tier is %s, then it is handed on only if it is a text', async (_, tier, handedOn) => {
    const buyer = await verifier.verify(sign({ aud: 'tickets', iss: 'id.example', tier }));
    expect(buyer).toEqual({ id: 'a', tier: handedOn });
  });

  test.each([
    ['no audience', { iss: 'id.example' }],
    ['another audience', { aud: 'other', iss: 'id.example' }],
    ['no issuer', { aud: 'tickets' }],
    ['another issuer', { aud: 'tickets', iss: 'evil.example' }],
  ])('when there is %s, then the token is not good', async (_, claims) => {
    expect(await outcome(verifier, sign(claims))).toBe('unauthenticated');
  });
});

describe('with a JWKS', () => {
  let server: Server;
  let answer: { status: number; body: string };
  let verifier: TokenVerifier;

  beforeEach(async () => {
    server = createServer((_, response) => {
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const url = `http://127.0.0.1:${String(port)}/keys`;
    verifier = createTokenVerifier({
      buyerTokens: { kind: 'jwks', url },
      buyerAudience: undefined,
      buyerIssuer: undefined,
    });
  });

  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  async function keyPair(alg: string): Promise<GenerateKeyPairResult> {
    const pair = await generateKeyPair(alg, { extractable: true });
    answer = {
      status: 200,
      body: JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k1', alg }] }),
    };
    return pair;
  }

  test.each(['RS256', 'ES256', 'EdDSA'])(
    'when the token is signed with %s, then the subject is the buyer',
    async (alg) => {
      const { privateKey } = await keyPair(alg);
      expect(
        await outcome(
          verifier,
          await new SignJWT({ sub: 'a' }).setProtectedHeader({ alg, kid: 'k1' }).sign(privateKey),
        ),
      ).toBe('a');
    },
  );

  test('when another key signed it, then it is not good', async () => {
    const { privateKey } = await keyPair('ES256');
    await keyPair('ES256');
    for (const kid of ['k1', 'k2']) {
      const token = await new SignJWT({ sub: 'a' }).setProtectedHeader({ alg: 'ES256', kid }).sign(privateKey);
      expect(await outcome(verifier, token)).toBe('unauthenticated');
    }
  });

  test('when the public key is used as an HS256 secret, then it is not good', async () => {
    await keyPair('RS256');
    const token = createSigner({ key: answer.body, algorithm: 'HS256', kid: 'k1' })({ sub: 'a' });
    expect(await outcome(verifier, token)).toBe('unauthenticated');
  });

  test.each([
    ['fails', { status: 500, body: '' }],
    ['answers nonsense', { status: 200, body: 'nonsense' }],
  ])('when the JWKS %s, then the service is unavailable: it is not the token’s fault', async (_, broken) => {
    const { privateKey } = await keyPair('ES256');
    const token = await new SignJWT({ sub: 'a' }).setProtectedHeader({ alg: 'ES256', kid: 'k1' }).sign(privateKey);
    answer = broken;
    expect(await outcome(verifier, token)).toBe('unavailable');
  });
});
