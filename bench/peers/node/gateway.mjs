// The gateway of the `node` peer: what a careful team writes with the usual parts.
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import Fastify from 'fastify';
import httpProxy from 'http-proxy';
import { errors, importJWK, jwtVerify } from 'jose';

const settings = JSON.parse(process.env.BENCH_SETTINGS);
const key = await importJWK(settings.jwk, settings.algorithm);
const expected = {
  algorithms: [settings.algorithm],
  issuer: settings.issuer,
  audience: settings.audience,
  requiredClaims: ['exp', 'sub'],
};
const identity = {
  'x-user-id': 'sub',
  'x-user-email': 'email',
  'x-tenant-id': 'tenant_id',
  'x-token-issuer': 'iss',
  'x-token-scopes': 'scope',
  'x-token-expires': 'exp',
};
const buckets = new Map();

function allowed(caller) {
  const now = performance.now() / 1000;
  const bucket = buckets.get(caller) ?? { left: settings.burst, then: now };
  bucket.left = Math.min(settings.burst, bucket.left + (now - bucket.then) * settings.rate);
  bucket.then = now;
  buckets.set(caller, bucket);
  if (bucket.left < 1) return false;
  bucket.left -= 1;
  return true;
}

async function authenticate(request, reply) {
  const [scheme, token] = (request.headers.authorization ?? '').split(' ');
  if (scheme.toLowerCase() !== 'bearer' || !token) {
    return reply.code(401).header('www-authenticate', 'Bearer').send({ error: 'missing_token' });
  }
  try {
    request.claims = (await jwtVerify(token, key, expected)).payload;
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) throw error;
    return reply.code(401).header('www-authenticate', 'Bearer error="invalid_token"').send({ error: 'invalid_token' });
  }
  if (!(request.claims.scope ?? '').split(' ').includes(settings.scope)) {
    return reply.code(403).send({ error: 'insufficient_scope' });
  }
  if (!allowed(request.claims.sub)) {
    return reply.code(429).header('retry-after', '1').send({ error: 'rate_limited' });
  }
}

function rewriteRequestHeaders(request, headers) {
  const { authorization, ...kept } = headers;
  for (const [name, claim] of Object.entries(identity)) {
    const value = request.claims[claim];
    if (value === undefined) delete kept[name];
    else kept[name] = String(value);
  }
  kept['x-request-id'] = randomUUID();
  kept['x-forwarded-for'] = request.ip;
  return kept;
}

const app = Fastify({ logger: settings.log ? { file: settings.log } : false, bodyLimit: 16 * 1024 * 1024 });
app.decorateRequest('claims', null);

const agent = new http.Agent({ keepAlive: true, maxSockets: 256, maxFreeSockets: 256 });
const proxy = httpProxy.createProxyServer({ target: settings.upstream, agent });
proxy.on('error', (error, request, response) => {
  if (response.headersSent) response.destroy();
  else response.writeHead(502).end();
});
app.removeAllContentTypeParsers();
app.addContentTypeParser('*', (request, payload, done) => done(null)); // bodies are streamed, not parsed
app.all('/*', { preHandler: authenticate }, (request, reply) => {
  reply.hijack();
  request.raw.headers = rewriteRequestHeaders(request, request.headers);
  proxy.web(request.raw, reply.raw);
});
await app.listen({ host: '127.0.0.1', port: settings.port });
