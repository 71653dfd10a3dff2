// An OpenID Connect provider for tests: node issuer.mjs PORT API. It knows whoever
// signs in, and two clients; its access tokens are JWTs for the API.
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const [port, api] = process.argv.slice(2);
const key = (kid, type, options, alg) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), kid, alg, use: 'sig',
});

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{
    client_id: 'shop', client_secret: 'a secret of the shop, for tests', redirect_uris: ['http://127.0.0.1/callback'],
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
  }, {
    // Native, so that the server may have any port (RFC 8252, section 7.3).
    client_id: 'portolan', client_secret: 'a secret of the server, for tests', application_type: 'native',
    redirect_uris: ['http://127.0.0.1/v1/auth/oauth/certified/callback'],
  }],
  jwks: { keys: [key('signs', 'ec', { namedCurve: 'P-256' }, 'ES256'), key('rsa', 'rsa', { modulusLength: 2048 }, 'RS256')] },
  cookies: { keys: ['cookies of tests alone'] },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: true }) }),
  claims: { openid: ['sub'], email: ['email', 'email_verified'] },
  conformIdTokenClaims: false, // they are in the ID token too
  extraTokenClaims: (_, token) => ({ roles: token.accountId === 'anna' ? ['admin'] : [] }),
  issueRefreshToken: () => true,
  features: {
    devInteractions: { enabled: true },
    clientCredentials: { enabled: true },
    revocation: { enabled: true },
    introspection: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => api,
      useGrantedResource: () => true,
      getResourceServerInfo: (_, resource) => ({
        scope: 'openid email', audience: resource, accessTokenFormat: 'jwt', accessTokenTTL: 600, jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
});

provider.listen(Number(port), '127.0.0.1', () => console.log('ready'));
