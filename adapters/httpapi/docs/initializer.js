// The document tells what its reader may do, so it is read again, with the
// credential, whenever somebody signs in or out here.
const address = "/openapi.json";
let credentials = {};

const readAgain = () => ({
  statePlugins: {
    auth: {
      wrapActions: {
        authorize: (original, system) => (given) => {
          credentials = { ...credentials, ...given };
          const result = original(given);
          system.specActions.download(address);
          return result;
        },
        logout: (original, system) => (names) => {
          for (const name of names) delete credentials[name];
          const result = original(names);
          system.specActions.download(address);
          return result;
        },
      },
    },
  },
});

const withCredential = (request) => {
  if (request.loadSpec) {
    if (credentials.bearer) request.headers.Authorization = "Bearer " + credentials.bearer.value;
    else if (credentials.apiKey) request.headers["X-API-Key"] = credentials.apiKey.value;
  }
  return request;
};

window.addEventListener("load", () => {
  SwaggerUIBundle({
    url: address,
    dom_id: "#swagger-ui",
    deepLinking: true,
    validatorUrl: null,
    plugins: [readAgain],
    requestInterceptor: withCredential,
  });
});
