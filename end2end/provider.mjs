// A real OpenID Connect provider (npm oidc-provider) on loopback, whose accounts the tests hold: name, claims, nothing to remember.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const PAGE = (uid, action) => `<!doctype html><title>The provider</title><h1>The provider</h1>
<form method="post" action="/interaction/${uid}"><label>Account <input name="login" required autofocus></label><button>${action}</button></form>
<a href="/interaction/${uid}/abort">Cancel</a>`;

/** Starts one for a console that is led back to `redirect`; `accounts` are claims by `sub`, read at each sign-in. */
export async function startProvider(redirect, accounts) {
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  // Another site than the console's 127.0.0.1, so that cookies meet what they meet in earnest.
  const issuer = `http://localhost:${server.address().port}`;
  const client = { id: 'paddock', secret: randomBytes(24).toString('base64url') };
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const provider = new Provider(issuer, {
    clients: [{ client_id: client.id, client_secret: client.secret, redirect_uris: [redirect], grant_types: ['authorization_code'], response_types: ['code'] }],
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'one', use: 'sig', alg: 'RS256' }] },
    cookies: { keys: [randomBytes(24).toString('base64url')] },
    claims: { openid: ['sub'], profile: ['preferred_username', 'groups'], email: ['email', 'email_verified'] },
    // The console reads the ID token, and asks nothing further.
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    findAccount: (_, sub) => accounts[sub] && { accountId: sub, claims: () => ({ sub, ...accounts[sub] }) },
    // The console is one's own: nobody is asked whether it may know who they are.
    loadExistingGrant: async ({ oidc }) => {
      const grant = new provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
      grant.addOIDCScope('openid profile email');
      await grant.save();
      return grant;
    },
  });
  const rest = provider.callback();
  server.on('request', async (request, response) => {
    const [, uid, abort] = request.url.match(/^\/interaction\/([\w-]+)(\/abort)?$/) ?? [];
    if (!uid) return rest(request, response);
    try {
      await provider.interactionDetails(request, response);
      if (abort) return await provider.interactionFinished(request, response, { error: 'access_denied', error_description: 'cancelled' });
      if (request.method !== 'POST') return response.setHeader('content-type', 'text/html').end(PAGE(uid, 'Continue'));
      let body = '';
      for await (const part of request) body += part;
      const accountId = new URLSearchParams(body).get('login');
      return await provider.interactionFinished(request, response, { login: { accountId } });
    } catch (error) {
      response.writeHead(500, { 'content-type': 'text/plain' }).end(String(error));
    }
  });
  const stop = () => new Promise((done) => {
    server.close(done);
    server.closeAllConnections();
  });
  return { issuer, client, stop };
}
