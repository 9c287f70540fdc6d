// A passkey: the browser asks the person's device. The gateway sends and takes the JSON form of its options.

export const possible = () => window.isSecureContext && "PublicKeyCredential" in window;

const bytes = (text) => {
  const raw = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(raw, (char) => char.charCodeAt(0));
};
const written = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

const named = (list) => (list ?? []).map((one) => ({ ...one, id: bytes(one.id) }));

// Both resolve to what the gateway takes, or null: the person said no, or the device has none.
export async function sign(options) {
  const publicKey = { ...options, challenge: bytes(options.challenge), allowCredentials: named(options.allowCredentials) };
  const found = await asked(() => navigator.credentials.get({ publicKey }));
  if (!found) return null;
  const { authenticatorData, clientDataJSON, signature, userHandle } = found.response;
  return sent(found, {
    authenticatorData: written(authenticatorData), clientDataJSON: written(clientDataJSON), signature: written(signature),
    userHandle: userHandle ? written(userHandle) : null,
  });
}

export async function create(options) {
  const publicKey = {
    ...options, challenge: bytes(options.challenge), user: { ...options.user, id: bytes(options.user.id) },
    excludeCredentials: named(options.excludeCredentials),
  };
  const made = await asked(() => navigator.credentials.create({ publicKey }));
  if (!made) return null;
  const { attestationObject, clientDataJSON } = made.response;
  return sent(made, { attestationObject: written(attestationObject), clientDataJSON: written(clientDataJSON) });
}

async function asked(question) {
  try {
    return await question();
  } catch {
    return null;
  }
}

const sent = (key, response) => ({
  id: key.id, rawId: written(key.rawId), type: key.type, response, clientExtensionResults: key.getClientExtensionResults(),
});
