// Waiting with a deadline: what is waited for is asked again and again, and at the end the test says what did not come.

/** How long anything in these tests may take to become true. */
export const PATIENCE_MS = 20_000;

/** Asks until the answer is neither null, undefined nor false, and gives it. */
export async function eventually(what, ask, patience = PATIENCE_MS) {
  const end = Date.now() + patience;
  let last;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== null && answer !== undefined && answer !== false) return answer;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) {
      throw new Error(`${what}: not within ${patience} ms${last ? `; the last try said: ${last.message}` : ""}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
