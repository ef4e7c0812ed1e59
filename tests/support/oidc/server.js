// A certified OpenID provider as the tests' issuer: client credentials for JWT access tokens (RFC 9068) in three
// algorithms, discovery, JWKS, and under /control what a test does to it. It listens on PORT, or any port,
// and prints {"port": N} once it serves.
//
// A token is asked for with the resource "urn:ALG:AUDIENCE" (RFC 8707), which picks the signing algorithm and the
// audience, and with the form field "extra_claims", a JSON object.

import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const ALGORITHMS = {
  RS256: () => generateKeyPairSync("rsa", { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
  EdDSA: () => generateKeyPairSync("ed25519"),
};

const server = createServer((request, response) => handle(request, response));
let issuer;
let keys = [];
let provider;
let counts = {};

function newKeys() {
  return Object.entries(ALGORITHMS).map(([alg, generate]) => ({
    ...generate().privateKey.export({ format: "jwk" }), alg, use: "sig", kid: `${alg}-${randomUUID().slice(0, 8)}`,
  }));
}

// A provider's keys are fixed, so other keys are another provider behind the same socket. Nothing else is kept. What
// came to the one before goes on with its keys: a request in flight has no key of the other to sign with.
function restart(withKeys) {
  keys = withKeys;
  provider = new Provider(issuer, {
    jwks: { keys },
    clients: [{
      client_id: "service",
      client_secret: "a-secret-of-the-tests-alone-0123456789",
      token_endpoint_auth_method: "client_secret_post",
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
    }],
    enabledJWA: { idTokenSigningAlgValues: Object.keys(ALGORITHMS) },
    extraTokenClaims: (ctx) => JSON.parse(ctx.oidc.body.extra_claims ?? "{}"),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_ctx, indicator) => resource(indicator, withKeys),
      },
    },
    scopes: ["read", "write", "admin"],
    ttl: { ClientCredentials: 300 },
  });
}

function resource(indicator, withKeys) {
  const [, alg, ...audience] = indicator.split(":");
  return {
    accessTokenFormat: "jwt",
    accessTokenTTL: 300,
    audience: audience.join(":"),
    jwt: { sign: { alg, kid: withKeys.find((key) => key.alg === alg).kid } },
    scope: "read write admin",
  };
}

const control = {
  // New keys sign from now on; the old ones stay published, or with ?retire=true do not.
  "/control/rotate": (url) => {
    restart([...newKeys(), ...(url.searchParams.get("retire") === "true" ? [] : keys)]);
    return { kids: keys.map((key) => key.kid) };
  },
  // How often each path was asked for.
  "/control/requests": () => counts,
};

function handle(request, response) {
  const url = new URL(request.url, issuer);
  const act = control[url.pathname];
  if (act) {
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify(act(url)));
    return;
  }
  counts[url.pathname] = (counts[url.pathname] ?? 0) + 1;
  provider.callback()(request, response);
}

server.listen(Number(process.env.PORT ?? 0), "127.0.0.1", () => {
  const { port } = server.address();
  issuer = `http://127.0.0.1:${port}`;
  restart(newKeys());
  console.log(JSON.stringify({ port }));
});
