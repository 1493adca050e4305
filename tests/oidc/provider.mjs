// A real OpenID Connect provider for the tests: `oidc-provider`, with a login form that takes what the ID token is to say.
//
//     node provider.mjs      prints {"issuer": "http://127.0.0.1:PORT"}; takes a line {"clients": [...]} on stdin, prints
//                            {"ready": true} and serves until stdin ends

import * as crypto from "node:crypto";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Provider } from "oidc-provider";

const people = new Map();

const head = '<!doctype html><html lang="en"><title>Provider</title><link rel="icon" href="data:,">';
const form = (uid, client) => `${head}
<form method="post" action="/login/${uid}"><h1>Provider of ${client}</h1>
<label>Name <input name="name" required></label> <label>Roles <input name="roles"></label>
<label>Memberships <input name="memberships"></label> <button>Log in</button> <button name="cancel" value="1">Cancel</button></form>`;

async function fieldsOf(request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  return new URLSearchParams(text);
}

// The client is the organisation's own: nobody is asked whether it may know who he is.
async function loadExistingGrant(ctx) {
  const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
  grant.addOIDCScope("openid");
  await grant.save();
  return grant;
}

// The provider's own page would take its letters from another host.
async function logoutSource(ctx, logout) {
  ctx.body = `${head}<h1>Log out?</h1>${logout}`;
}

const say = (words) => process.stdout.write(`${JSON.stringify(words)}\n`);
const server = createServer();
server.listen(0, "127.0.0.1", () => say({ issuer: `http://127.0.0.1:${server.address().port}` }));

function serve({ clients }) {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const { privateKey } = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" });
  const provider = new Provider(issuer, {
    clients,
    jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), kid: "one", use: "sig", alg: "ES256" }] },
    clientDefaults: { id_token_signed_response_alg: "ES256" },
    enabledJWA: { idTokenSigningAlgValues: ["ES256"] },
    cookies: { keys: ["test"] },
    conformIdTokenClaims: false,
    claims: { openid: ["sub", "roles", "memberships"] },
    features: { devInteractions: { enabled: false }, rpInitiatedLogout: { logoutSource } },
    interactions: { url: (_ctx, interaction) => `/login/${interaction.uid}` },
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id, ...people.get(id) }) }),
    loadExistingGrant,
    ttl: { IdToken: 3600, AccessToken: 600, Grant: 3600, Interaction: 600, Session: 3600 },
  });
  const callback = provider.callback();
  server.on("request", async (request, response) => {
    if (!request.url.startsWith("/login/")) return callback(request, response);
    try {
      const interaction = await provider.interactionDetails(request, response);
      if (request.method === "GET") {
        response.setHeader("content-type", "text/html; charset=utf-8");
        return response.end(form(interaction.uid, interaction.params.client_id));
      }
      const fields = await fieldsOf(request);
      if (fields.get("cancel")) {
        const refused = { error: "access_denied", error_description: "<b>not</b> today" };
        return provider.interactionFinished(request, response, refused);
      }
      const listed = (name) => fields.get(name).split(" ").filter(Boolean);
      people.set(fields.get("name"), { roles: listed("roles"), memberships: listed("memberships") });
      return provider.interactionFinished(request, response, { login: { accountId: fields.get("name") } });
    } catch (error) {
      response.statusCode = 500;
      return response.end(String(error));
    }
  });
  say({ ready: true });
}

const lines = createInterface({ input: process.stdin });
lines.once("line", (line) => serve(JSON.parse(line)));
lines.once("close", () => process.exit(0)); // whoever started this is gone
