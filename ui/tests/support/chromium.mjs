// How Chromium is started, whoever starts it.

const args = [
  // Nothing of a page comes from elsewhere, and none waits for a network that is not there.
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
  // As root it cannot have a sandbox of its own.
  ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
];

/** What `chromium.launch` is given. */
export const CHROMIUM = { executablePath: process.env.CHROMIUM_BIN ?? "/usr/bin/chromium", args, timeout: 60_000 };
