// The live tail: requests as they end, shown a few times a second at most.
import { useEffect, useRef, useState } from "react";
import { ApiError, withQuery, type Query } from "../../api/client";
import { lines } from "../../api/stream";
import { beginSeeing, type Ended, KEPT, keepSeen } from "./seen";

export type TailState = "connecting" | "live" | "paused" | "waiting" | "missing" | "refused";

const SHOW_EVERY_MS = 250;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 15_000;

/** Follows the stream with these filters into what is seen; tells how that goes, and how many were not told. */
export function useTail(query: Query, paused: boolean) {
  const [dropped, setDropped] = useState(0);
  const [state, setState] = useState<TailState>("connecting");
  const [error, setError] = useState<unknown>(null);
  const fresh = useRef<{ rows: Ended[]; dropped: number }>({ rows: [], dropped: 0 });
  const url = withQuery("/api/v1/traffic", query);

  useEffect(() => {
    const show = () => {
      const { rows, dropped } = fresh.current;
      if (rows.length === 0 && dropped === 0) return;
      fresh.current = { rows: [], dropped: 0 };
      if (rows.length > 0) keepSeen(rows);
      if (dropped > 0) setDropped((before) => before + dropped);
    };
    const timer = setInterval(show, SHOW_EVERY_MS);
    return () => {
      clearInterval(timer);
      show();
    };
  }, []);

  useEffect(() => {
    if (paused) return setState("paused");
    const control = new AbortController();
    const follow = async () => {
      let wait = FIRST_WAIT_MS;
      setState("connecting");
      while (!control.signal.aborted) {
        try {
          for await (const event of lines(url, control.signal)) {
            setState("live");
            setError(null);
            wait = FIRST_WAIT_MS;
            if (event.event === "hello") beginSeeing();
            else if (event.event === "request") fresh.current.rows.push(JSON.parse(event.data) as Ended);
            else if (event.event === "dropped") fresh.current.dropped += (JSON.parse(event.data) as { count: number }).count;
            // What is not shown yet is bounded, too.
            if (fresh.current.rows.length > 4 * KEPT) fresh.current.dropped += fresh.current.rows.splice(0, KEPT).length;
          }
        } catch (cause) {
          if (control.signal.aborted) return;
          if (cause instanceof ApiError && (cause.status === 404 || cause.status === 405)) return setState("missing");
          setError(cause);
          if (cause instanceof ApiError && cause.status >= 400 && cause.status < 500) return setState("refused");
        }
        if (control.signal.aborted) return;
        setState("waiting");
        await new Promise((resolve) => setTimeout(resolve, wait * (0.7 + Math.random() * 0.6)));
        wait = Math.min(wait * 2, LONGEST_WAIT_MS);
      }
    };
    void follow();
    return () => control.abort();
  }, [url, paused]);

  return { dropped, state, error, clearDropped: () => setDropped(0) };
}
