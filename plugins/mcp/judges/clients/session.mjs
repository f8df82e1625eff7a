// What all clients of the tests can do, in one shape: a session with calls that tell of progress and can be cancelled.
//
// open(url, token) → { call(tool, arguments, onprogress) → { answer, cancel }, close() }

/** What every client says when a server asks it back. */
export const ANSWERS = { sampled: "42", elicited: { response: "yes" } };

/** The first text of a tool's result. */
export const textOf = ({ content }) => content[0]?.text ?? "";

/** A session of an SDK for JavaScript, which has the same client in both of its lines. */
export function session(client, transport, call) {
  return {
    call(name, args = {}, onprogress = () => {}) {
      const abort = new AbortController();
      const options = { signal: abort.signal, onprogress: ({ progress }) => onprogress(progress) };
      const answer = call({ name, arguments: args }, options).then(textOf);
      return { answer, cancel: () => abort.abort("enough") };
    },
    async close() {
      await transport.terminateSession();
      await client.close();
    },
  };
}
