// One change: while it goes on, when it failed, what is stale after it.
import { useState } from "react";
import { useInvalidate } from "../api/hooks";
import { toast } from "./toast";

type After<R> = { done?: string | ((result: R) => string); stale?: string[]; then?: (result: R) => void };

export function useAction<A extends unknown[], R>(action: (...args: A) => Promise<R>, after: After<R> = {}) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const invalidate = useInvalidate();
  const run = async (...args: A): Promise<R | undefined> => {
    setBusy(true);
    setError(null);
    try {
      const result = await action(...args);
      if (after.done) toast.good(typeof after.done === "function" ? after.done(result) : after.done);
      void invalidate(...(after.stale ?? []));
      after.then?.(result);
      return result;
    } catch (cause) {
      setError(cause);
      return undefined;
    } finally {
      setBusy(false);
    }
  };
  return { run, busy, error, clear: () => setError(null) };
}
